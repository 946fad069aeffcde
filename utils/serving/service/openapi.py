"""The description of the API (OpenAPI 3.1), and a page of it that needs nothing from elsewhere."""

from __future__ import annotations

import html
from typing import Any

from utils.serving.service.forms import Form

_OPTIONS = {
    "confidence": ("number", "Minimum score of an object, 0 to 1; by default the bundle's."),
    "classes": ("string", "Names of the classes to keep, separated by commas."),
    "tile_size": ("integer", "Side of the windows that a larger image is cut into, in pixels."),
}
_ERROR = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
_POINT = {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2}
_OBJECT = {
    "type": "object",
    "required": ["class", "score", "box"],
    "properties": {
        "class": {"type": "string"},
        "score": {"type": "number"},
        "box": {
            "description": "x1, y1, x2, y2 in pixels, origin top left.",
            "type": "array",
            "items": {"type": "number"},
            "minItems": 4,
            "maxItems": 4,
        },
        "outline": {
            "description": "Rings of a polygon or an oriented box, exteriors and holes.",
            "type": "array",
            "items": {"type": "array", "items": _POINT},
        },
        "at_edge": {
            "description": "Whether it touches an area without data.",
            "type": "boolean",
        },
    },
}
_ANSWER = {
    "type": "object",
    "properties": {
        **{name: {"type": "string"} for name in ("model", "version", "kind")},
        **{name: {"type": "integer"} for name in ("width", "height")},
        "objects": {"type": "array", "items": {"$ref": "#/components/schemas/Object"}},
        "milliseconds": {"type": "number"},
    },
}
_SCENE = {
    "type": "object",
    "properties": {
        "id": {"type": "string"},
        "state": {"enum": ["waiting", "running", "done", "failed", "cancelled"]},
        "error": {"type": "string"},
        **{
            name: {"type": "integer"}
            for name in ("width", "height", "windows", "windows_done", "objects", "before")
        },
        "objects_at": {"type": "string"},
        "georeferenced": {"type": "boolean"},
    },
}
_BINARY = {"schema": {"type": "string", "format": "binary"}}


def _form(description: str, several: bool = False) -> dict[str, Any]:
    file: dict[str, Any] = {"type": "string", "format": "binary"}
    image = {"type": "array", "items": file} if several else file
    options = {name: {"type": kind} for name, (kind, _) in _OPTIONS.items()}
    form = {"schema": {"type": "object", "properties": {"image": image, **options}}}
    content: dict[str, Any] = {"multipart/form-data": form}
    if not several:
        content |= {"image/*": _BINARY, "application/octet-stream": _BINARY}
    return {"description": description, "required": True, "content": content}


def _answers(description: str, content: dict[str, Any], status: str = "200") -> dict[str, Any]:
    error = {"description": "One sentence.", "content": _as_json("Error")}
    return {status: {"description": description, "content": content}, "default": error}


def _as_json(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _page(summary: str, kind: str = "application/json") -> dict[str, Any]:
    return {"summary": summary, "responses": _answers(summary, {kind: {}})}


def description(model: str, version: str) -> dict[str, Any]:
    """The description of the API, as JSON.

    Args:
        model: Name of the model in service.
        version: Version of the model in service.
    """
    options = [
        {"name": name, "in": "query", "description": told, "schema": {"type": kind}}
        for name, (kind, told) in _OPTIONS.items()
    ]
    one = {"name": "scene", "in": "path", "required": True, "schema": {"type": "string"}}
    forms = {form.value: {} for form in Form} | _as_json("Answer")
    lines: dict[str, Any] = {"application/x-ndjson": {}, "application/geo+json-seq": {}}
    scene = _answers("State and progress.", _as_json("Scene"))
    scenes = _form("A scene of any size; or JSON with the address of a file that is allowed.")
    scenes["content"]["application/json"] = {
        "schema": {"type": "object", "properties": {"address": {"type": "string"}}}
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": f"Spyglass: {model}", "version": version},
        "paths": {
            "/predict": {
                "post": {
                    "summary": "Find the objects of an image.",
                    "parameters": options,
                    "requestBody": _form("An image in any common format."),
                    "responses": _answers("The objects, in the form that Accept names.", forms),
                }
            },
            "/predict/batch": {
                "post": {
                    "summary": "Find the objects of several images.",
                    "requestBody": _form("Several fields `image`.", several=True),
                    "responses": _answers("An answer or an error for each.", _as_json("Batch")),
                }
            },
            "/scenes": {
                "get": _page("All scenes and their states."),
                "post": {
                    "summary": "Predict a scene of any size in the background.",
                    "parameters": options,
                    "requestBody": scenes,
                    "responses": _answers("The scene waits.", _as_json("Scene"), "202"),
                },
            },
            "/scenes/{scene}": {
                "parameters": [one],
                "get": {"summary": "State and progress of a scene.", "responses": scene},
                "delete": _page("Stop a scene, and remove its results."),
            },
            "/scenes/{scene}/cancel": {
                "parameters": [one],
                "post": {"summary": "Stop a scene, and keep its results.", "responses": scene},
            },
            "/scenes/{scene}/objects": {
                "parameters": [one],
                "get": {
                    "summary": "The objects of a scene, one a line, as they are found.",
                    "parameters": [
                        {
                            "name": "skip",
                            "in": "query",
                            "description": "Number of objects to leave out.",
                            "schema": {"type": "integer"},
                        }
                    ],
                    "responses": _answers("Objects until the scene is over.", lines),
                },
            },
            "/model": {"get": _page("Facts about the bundle in service, and its card.")},
            "/card": {"get": _page("The model card as a page.", "text/html")},
            "/test": {"get": _page("The packed test image with its expected and present result.")},
            "/test/image.png": {"get": _page("The packed test image.", "image/png")},
            "/livez": {"get": _page("Whether the service lives.")},
            "/readyz": {"get": _page("Whether the bundle has found what it must.")},
            "/healthz": {"get": _page("The same as /readyz.")},
            "/metrics": {"get": _page("Metrics for Prometheus.", "text/plain")},
            "/label-studio/health": {"get": _page("Label Studio: whether the service is ready.")},
            "/label-studio/setup": {"post": _page("Label Studio: a project connects.")},
            "/label-studio/predict": {"post": _page("Label Studio: predictions of tasks.")},
            "/label-studio/webhook": {"post": _page("Label Studio: events, which change nothing.")},
            "/label-studio/versions": {"get": _page("Label Studio: the version of the model.")},
        },
        "components": {
            "schemas": {
                "Answer": _ANSWER,
                "Batch": {
                    "type": "object",
                    "properties": {"results": {"type": "array", "items": {"type": "object"}}},
                },
                "Error": _ERROR,
                "Object": _OBJECT,
                "Scene": _SCENE,
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}, {}],
    }


def page(api: dict[str, Any]) -> str:
    """The description as a page without scripts."""
    rows = [
        f"<tr><td>{html.escape(method.upper())}</td><td><code>{html.escape(path)}</code></td>"
        f"<td>{html.escape(operation['summary'])}</td></tr>"
        for path, operations in api["paths"].items()
        for method, operation in operations.items()
        if method != "parameters"
    ]
    options = [
        f"<tr><td><code>{name}</code></td><td>{html.escape(told)}</td></tr>"
        for name, (_, told) in _OPTIONS.items()
    ]
    title = html.escape(f"{api['info']['title']}, version {api['info']['version']}")
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>'
        "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
        "table{border-collapse:collapse;width:100%}td{border-top:1px solid #ccc;padding:.3rem .8rem"
        " .3rem 0;vertical-align:top}code{white-space:nowrap}</style>"
        f"<h1>{title}</h1><p>An example: <code>curl --data-binary @image.png -H 'Content-Type: "
        "image/png' ADDRESS/predict</code></p>"
        f"<h2>Pages</h2><table>{''.join(rows)}</table>"
        f"<h2>Options of a prediction</h2><table>{''.join(options)}</table>"
        '<p>For programs: <a href="openapi.json">openapi.json</a> (OpenAPI 3.1), '
        '<a href="model">the model</a>, <a href="card">its card</a>.</p></html>'
    )
