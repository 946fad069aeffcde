"""Commands in the documentation and in messages."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

from utils.paths import PROJECT_ROOT

DOCUMENTS = [PROJECT_ROOT / "README.md", *sorted((PROJECT_ROOT / "docs").glob("*.md"))]
GUIDE = PROJECT_ROOT / "docs/gcp.md"

_BLOCK = re.compile(r"^( *)```bash\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_ANY_BLOCK = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`]+)`")


def shell_blocks(document: Path) -> list[str]:
    """The blocks marked as bash, in order."""
    return [block for _, block in _BLOCK.findall(document.read_text())]


def code_spans(document: Path) -> list[str]:
    """Texts in single backquotes, also across the end of a line."""
    prose = _ANY_BLOCK.sub("", document.read_text())
    return [" ".join(span.split()) for span in _SPAN.findall(prose)]


def commands_of(document: Path, program: str) -> list[list[str]]:
    """The words of every call of a program in blocks and spans, variables left as they are.

    Args:
        document: Where to look.
        program: Its first words, such as `python run.py`.

    Returns:
        The words that follow the program's name, for each call.
    """
    call = re.compile(rf"(?:^|(?<=[\s(])){re.escape(program)} ", re.MULTILINE)
    texts = [text.replace("\\\n", " ") for text in shell_blocks(document) + code_spans(document)]
    return [
        shlex.split(_one_command(text[found.end() :]))
        for text in texts
        for found in call.finditer(text)
        if "…" not in text
    ]


def _one_command(text: str) -> str:
    """Up to where it ends: a new line, a comment, a pipe, a closing bracket, another command."""
    quote = ""
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "\n;|&)" or text[position - 1 : position + 1] == " #":
            return text[:position]
    return text


def commands_in_messages(program: str) -> list[list[str]]:
    """The words of every call of a program in the texts of the code; a value in braces is `{}`."""
    sources = [*PROJECT_ROOT.glob("commands/**/*.py"), *PROJECT_ROOT.glob("utils/**/*.py")]
    texts = _Texts()
    for source in sources:
        texts.visit(ast.parse(source.read_text()))
    return [
        _one_command(text[found.end() :]).split()
        for text in texts.found
        for found in re.finditer(rf"\b{re.escape(program)} ", text)
    ]


class _Texts(ast.NodeVisitor):
    """Collects texts as they are at run time, docstrings left out."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        self.found.append("".join(map(str, parts)))

    def visit_Constant(self, node: ast.Constant) -> None:
        self.found.append(str(node.value))
