"""The check of the English finds its faults, and nothing else."""

from __future__ import annotations

import pytest

from docs.prose import faults_in


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param('"""What a tile is."""\n', [1], id="a docstring of a module"),
        pytest.param('class A:\n    """Of a scene."""\n', [2], id="a docstring of a class"),
        pytest.param(
            'def f(a):\n    """Cut.\n\n    Args:\n        a: Which scene.\n    """\n',
            [5],
            id="an argument",
        ),
        pytest.param("A = 1  # Those of a scene\n", [1], id="a comment"),
        pytest.param('"""Tiles that shall stay."""\n', [1], id="shall"),
        pytest.param('"""Which servers run, and how do I stop them?"""\n', [], id="a question"),
        pytest.param('"""Cut tiles.\n\nOf all tiles some stay.\n"""\n', [], id="inside a text"),
        pytest.param('A = "What a tile is."\n', [], id="a text that is no docstring"),
        pytest.param('"""Offices of a shallow bay."""\n', [], id="other words"),
    ],
)
def test_a_sentence_without_its_noun_is_found(tmp_path, text, lines):
    file = tmp_path / "module.py"
    file.write_text(text)
    assert [line for line, _ in faults_in(file)] == lines


def test_a_document_says_what_it_does(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Which tiles\n\nIt shall be cut.\n")
    assert [line for line, _ in faults_in(page)] == [3]
