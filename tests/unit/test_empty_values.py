"""An empty report, table or set of shapes is false in Python, and is not the same as none."""

from __future__ import annotations

import ast

from tests.conftest import PROJECT_ROOT
from tests.unit.test_annotation_tasks import tile_with
from utils.annotation.label_studio.tasks import sendable_shapes
from utils.shapes.shapes import ShapeKind, Shapes

FOLDERS = ("utils", "steps", "pipelines", "records", "commands", "materializers", "benchmarks")


def sources() -> dict[str, ast.Module]:
    paths = [path for folder in FOLDERS for path in (PROJECT_ROOT / folder).rglob("*.py")]
    return {
        path.relative_to(PROJECT_ROOT).as_posix(): ast.parse(path.read_text()) for path in paths
    }


def classes_with_a_length(trees: dict[str, ast.Module]) -> set[str]:
    found = [node for tree in trees.values() for node in ast.walk(tree)]
    return {
        node.name
        for node in found
        if isinstance(node, ast.ClassDef)
        and any(
            isinstance(part, ast.FunctionDef) and part.name in ("__len__", "__bool__")
            for part in node.body
        )
    }


def replaced_when_empty(tree: ast.Module, names: set[str]) -> list[str]:
    """Each `x or Empty()`: it puts another object in place of one that is there and empty."""
    return [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.BoolOp)
        and isinstance(node.op, ast.Or)
        and isinstance(node.values[-1], ast.Call)
        and isinstance(node.values[-1].func, ast.Name)
        and node.values[-1].func.id in names
    ]


def test_no_empty_report_or_set_of_shapes_is_taken_for_none() -> None:
    trees = sources()
    names = classes_with_a_length(trees)
    assert {"IssueReport", "Shapes"} <= names
    assert replaced_when_empty(ast.parse("noted = issues or IssueReport()"), names)
    found = {name: replaced_when_empty(tree, names) for name, tree in trees.items()}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_a_tile_without_objects_keeps_the_kind_of_its_shapes() -> None:
    tile = tile_with(Shapes(kind=ShapeKind.SEGMENT))
    assert sendable_shapes(tile).kind == ShapeKind.SEGMENT
