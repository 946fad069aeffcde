"""The table of promises names tests that exist, in the tier that runs them."""

from __future__ import annotations

import ast
import re

import pytest

from tests.conftest import PROJECT_ROOT

ROWS = re.findall(
    r"^\|[^|]*\| `(tests/\S+)::(test_\w+)` \| (\w+) \|$",
    (PROJECT_ROOT / "docs" / "testing.md").read_text(),
    re.MULTILINE,
)


def tier_of(path: str, name: str) -> str:
    """The tier of a test; of a test with cases of which some are slow, "quick"."""
    tree = ast.parse((PROJECT_ROOT / path).read_text())
    [test] = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    of_module = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
    ]
    marks = [ast.unparse(mark) for mark in [*test.decorator_list, *of_module]]
    is_slow = [mark for mark in marks if "mark.slow" in mark and "parametrize" not in mark]
    return "slow" if is_slow else "quick"


def test_every_row_of_the_table_is_read():
    table = (PROJECT_ROOT / "docs" / "testing.md").read_text().count("::test_")
    assert len(ROWS) == table > 50


@pytest.mark.parametrize(("path", "name", "tier"), ROWS)
def test_a_promise_is_held_by_a_test_of_its_tier(path: str, name: str, tier: str):
    assert tier_of(path, name) == tier
