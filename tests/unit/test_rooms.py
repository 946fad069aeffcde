"""Rooms keep their subject: what import-linter cannot hold, since it sees only whole packages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from tests.conftest import PROJECT_ROOT

FOLDERS = (
    "commands",
    "harbour",
    "materializers",
    "pipelines",
    "plugins",
    "slurm",
    "steps",
    "utils",
)
# Registering a stack writes components, connectors, secrets and flavors: no records to ask for.
WRITES_STACKS = ("commands/stacks/",)
ARGUMENTS = ("commands/parser.py", "commands/arguments.py", "utils/serving/service/__main__.py")
MOST_FILES_OF_A_KIND = 12


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Each module outside `records/` with its syntax tree, by its path in the project."""
    files = [file for folder in FOLDERS for file in (PROJECT_ROOT / folder).rglob("*.py")]
    for file in [PROJECT_ROOT / "run.py", *files]:
        yield file.relative_to(PROJECT_ROOT).as_posix(), ast.parse(file.read_text())


def imported(tree: ast.Module) -> Iterator[str]:
    """Every module and name that is imported, also inside functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{name.name}" for name in node.names)


@pytest.mark.parametrize(
    ("door", "rooms"),
    [
        pytest.param("zenml.client", WRITES_STACKS, id="ZenML's store is asked in records/"),
        pytest.param("argparse", ARGUMENTS, id="a namespace ends at the door"),
    ],
)
def test_a_door_is_used_in_one_room_only(door: str, rooms: tuple[str, ...]):
    users = {
        path
        for path, tree in modules()
        if any(name == door or name.startswith(f"{door}.") for name in imported(tree))
    }
    assert users  # the door is still in use: a rule about nothing can go
    assert {path for path in users if not path.startswith(rooms)} == set()


def test_a_file_of_steps_holds_one_step_of_its_name():
    for file in sorted((PROJECT_ROOT / "steps").glob("*.py")):
        functions = [
            node.name
            for node in ast.parse(file.read_text()).body
            if isinstance(node, ast.FunctionDef)
        ]
        if file.stem != "__init__":
            assert functions == [file.stem], file.name


def kinds_told_apart(tree: ast.Module) -> Iterator[int]:
    """The lines that compare with a kind, match it, or list several kinds."""

    def names(*nodes: ast.AST | None) -> int:
        return sum(
            isinstance(node, ast.Attribute) and getattr(node.value, "id", None) == "ShapeKind"
            for node in nodes
        )

    for node in ast.walk(tree):
        match node:
            case ast.Compare(left=left, comparators=others) if names(left, *others):
                yield node.lineno
            case ast.MatchValue(value=value) if names(value):
                yield value.lineno
            case ast.Dict(keys=keys) if names(*keys) > 1:
                yield node.lineno
            case ast.Tuple(elts=listed) | ast.List(elts=listed) | ast.Set(elts=listed):
                if names(*listed) > 1:
                    yield node.lineno


def test_another_kind_of_shapes_would_touch_the_files_that_are_listed_and_no_other():
    page = (PROJECT_ROOT / "docs/architecture.md").read_text()
    table = page.partition("### A fifth kind")[2].partition("\n## ")[0]
    listed = re.findall(r"^\| `([\w/]+\.py)` \|", table, flags=re.MULTILINE)
    assert 0 < len(listed) <= MOST_FILES_OF_A_KIND
    assert [path for path in listed if not (PROJECT_ROOT / path).exists()] == []
    found = {path: [*kinds_told_apart(tree)] for path, tree in modules()}
    assert {path: lines for path, lines in found.items() if lines and path not in listed} == {}
