"""The REST APIs of Google Cloud that tell what a project has, over TLS.

Paths, fields and errors as in Google's references: serviceusage v1, aiplatform v1, compute v1,
cloudquotas v1, artifactregistry v1 and iam v1; errors are described at
https://cloud.google.com/apis/design/errors.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.emulators.certificates import Certificate
from tests.emulators.cloud_project import CloudProject
from tests.emulators.credentials import PROJECT, PROJECT_NUMBER

_STATUS = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED",
           404: "NOT_FOUND", 503: "UNAVAILABLE"}  # fmt: skip
_PAGE = 2  # small, so that every list has pages

Content = dict[str, Any]


class GoogleApis(ThreadingHTTPServer):
    """The server.

    Attributes:
        project: Content of the project; replace it to begin anew.
        asked: Every request as "METHOD host path".
    """

    daemon_threads = True

    def __init__(self, certificate: Certificate, accepts: Callable[[str], bool]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.socket = certificate.server_context().wrap_socket(self.socket, server_side=True)
        self.project = CloudProject()
        self.asked: list[str] = []
        self._accepts = accepts
        Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self) -> int:
        """Address of the server on 127.0.0.1."""
        return self.server_port

    def stop(self) -> None:
        """Take no more connections."""
        self.shutdown()
        self.server_close()

    def answer(self, host: str, path: str, query: Content, token: str, body: Content) -> Content:
        """Google's answer to a request.

        Raises:
            ApiError: If it would refuse.
        """
        if not self._accepts(token):
            raise ApiError(401, "Request had invalid authentication credentials.")
        if host in self.project.broken:
            raise ApiError(503, "The service is currently unavailable.")
        if host not in self.project.apis:
            raise _disabled(host)
        if host in self.project.denied:
            raise ApiError(403, f"Permission denied on resource project {PROJECT}.")
        for pattern, respond in _ROUTES:
            if found := re.fullmatch(pattern, f"{host}{path}"):
                return respond(self.project, query, body, **found.groupdict())
        raise ApiError(404, f"The requested URL {path} was not found on this server.")


class ApiError(Exception):
    """An error of the API."""

    def __init__(self, status: int, message: str, reason: str = "", **metadata: str) -> None:
        super().__init__(message)
        self.status = status
        error: Content = {"code": status, "message": message, "status": _STATUS[status]}
        if reason:
            kind = "type.googleapis.com/google.rpc.ErrorInfo"
            information = {"@type": kind, "reason": reason, "domain": "googleapis.com"}
            error["details"] = [information | {"metadata": metadata}]
        self.content = {"error": error}


def _disabled(api: str) -> ApiError:
    consumer = f"projects/{PROJECT_NUMBER}"
    message = f"{api} has not been used in project {PROJECT_NUMBER} before or it is disabled."
    return ApiError(403, message, "SERVICE_DISABLED", service=api, consumer=consumer)


def _services(project: CloudProject, query: Content, _: Content) -> Content:
    apis = [name.rpartition("/")[2] for name in query["names"]]
    if len(apis) > 30:
        raise ApiError(400, "A maximum of 30 services can be requested.")
    states = {True: "ENABLED", False: "DISABLED"}
    parent = f"projects/{PROJECT_NUMBER}"
    return {
        "services": [
            {
                "name": f"{parent}/services/{api}",
                "parent": parent,
                "config": {"name": api},
                "state": states[api in project.apis],
            }
            for api in apis
        ]
    }


def _locations(project: CloudProject, query: Content, _: Content) -> Content:
    parent = f"projects/{PROJECT}/locations"
    found = [{"name": f"{parent}/{name}", "locationId": name} for name in project.regions]
    return _page("locations", found, query)


def _accelerators(project: CloudProject, query: Content, _: Content) -> Content:
    wanted = re.fullmatch(r'name = "([a-z0-9-]+)"', query["filter"][0])
    if wanted is None:
        raise ApiError(400, "Invalid value for field 'filter'.")
    zones = [(zone, kinds) for zone, kinds in project.gpus.items()]
    page = _page("zones", zones, query)
    items = {
        f"zones/{zone}": _in_zone(zone, kinds.get(wanted[1]), wanted[1])
        for zone, kinds in page.pop("zones")
    }
    return {"kind": "compute#acceleratorTypeAggregatedList", "items": items, **page}


def _in_zone(zone: str, most: int | None, name: str) -> Content:
    if most is None:
        message = f"There are no results for scope 'zones/{zone}' on this page."
        return {"warning": {"code": "NO_RESULTS_ON_PAGE", "message": message}}
    kind: Content = {"name": name, "zone": zone, "maximumCardsPerInstance": most}
    return {"acceleratorTypes": [{"kind": "compute#acceleratorType"} | kind]}


def _quota(project: CloudProject, _: Content, __: Content, name: str) -> Content:
    if name not in project.quotas:
        raise ApiError(404, f"Quota {name} was not found.")
    return {
        "quotaId": name,
        "service": "aiplatform.googleapis.com",
        "dimensions": ["region"],
        "containerType": "PROJECT",
        "dimensionsInfos": [
            {
                "dimensions": {"region": region},
                "details": {"value": str(limit)},
                "applicableLocations": [region],
            }
            for region, limit in project.quotas[name].items()
        ],
    }


def _repository(
    project: CloudProject, _: Content, __: Content, location: str, name: str
) -> Content:
    resource = f"projects/{PROJECT}/locations/{location}/repositories/{name}"
    if f"{location}/{name}" not in project.repositories:
        raise ApiError(404, f'Repository "{resource}" not found')
    kind = project.repositories[f"{location}/{name}"]
    return {"name": resource, "format": kind, "mode": "STANDARD_REPOSITORY"}


def _tag(
    project: CloudProject,
    query: Content,
    body: Content,
    location: str,
    name: str,
    package: str,
    tag: str,
) -> Content:
    resource = f"{_repository(project, query, body, location, name)['name']}/packages/{package}"
    if f"{package.replace('%2F', '/')}:{tag}" not in project.images:
        raise ApiError(404, f"Tag {resource}/tags/{tag} not found.")
    return {"name": f"{resource}/tags/{tag}", "version": f"{resource}/versions/sha256:0"}


def _permissions(
    project: CloudProject, query: Content, body: Content, location: str, name: str
) -> Content:
    _repository(project, query, body, location, name)
    return _held(project, body)


def _account_permissions(project: CloudProject, _: Content, body: Content, email: str) -> Content:
    if email not in project.accounts:
        raise ApiError(404, f"Service account {email} does not exist.")
    return _held(project, body)


def _held(project: CloudProject, body: Content) -> Content:
    held = [name for name in body["permissions"] if name in project.permissions]
    return {"permissions": held} if held else {}


def _page(key: str, items: list[Any], query: Content) -> Content:
    start = int(query.get("pageToken", ["0"])[0])
    end = start + _PAGE
    following = {"nextPageToken": str(end)} if end < len(items) else {}
    return {key: items[start:end], **following}


_PROJECT = f"projects/{PROJECT}"
_REPOSITORY = rf"artifactregistry\.googleapis\.com/v1/{_PROJECT}/locations/(?P<location>[^/]+)"
_ROUTES: list[tuple[str, Callable[..., Content]]] = [
    (rf"serviceusage\.googleapis\.com/v1/{_PROJECT}/services:batchGet", _services),
    (rf"aiplatform\.googleapis\.com/v1/{_PROJECT}/locations", _locations),
    (
        rf"compute\.googleapis\.com/compute/v1/{_PROJECT}/aggregated/acceleratorTypes",
        _accelerators,
    ),
    (
        rf"cloudquotas\.googleapis\.com/v1/{_PROJECT}/locations/global/services/"
        r"aiplatform\.googleapis\.com/quotaInfos/(?P<name>\w+)",
        _quota,
    ),
    (
        rf"iam\.googleapis\.com/v1/{_PROJECT}/serviceAccounts/(?P<email>[^/:]+):testIamPermissions",
        _account_permissions,
    ),
    (rf"{_REPOSITORY}/repositories/(?P<name>[^/:]+):testIamPermissions", _permissions),
    (rf"{_REPOSITORY}/repositories/(?P<name>[^/:]+)", _repository),
    (
        rf"{_REPOSITORY}/repositories/(?P<name>[^/:]+)/packages/(?P<package>[^/:]+)/"
        r"tags/(?P<tag>[^/:]+)",
        _tag,
    ),
]


class _Handler(BaseHTTPRequestHandler):
    server: GoogleApis
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        host = self.headers["Host"].partition(":")[0]
        self.server.asked.append(f"{self.command} {host} {url.path}")
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            content = self.server.answer(
                host, url.path, parse_qs(url.query), token, json.loads(body) if body else {}
            )
        except ApiError as refusal:
            self._send(refusal.status, refusal.content)
        else:
            self._send(200, content)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Be quiet."""

    def _send(self, status: int, content: Content) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
