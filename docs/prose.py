"""Check the half of the English that a program can check: `python -m docs.prose [PATH ...]`.

A docstring or a comment names its subject first. It never begins with What, Of, Those or Which,
and nothing "shall": these are marks of sentences that hide their noun.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

from utils.paths import PROJECT_ROOT

_CHECKED = (
    "run.py",
    "benchmarks",
    "commands",
    "docs",
    "harbour",
    "materializers",
    "pipelines",
    "plugins",
    "records",
    "slurm",
    "steps",
    "tests",
    "utils",
    "README.md",
    "CHANGELOG.md",
)
_HIDDEN_SUBJECT = re.compile(r"(What|Of|Those|Which)\b(?!.*\?)")
_ATTRIBUTE = re.compile(r"^ *\*{0,2}[a-z_]\w*: (?=[A-Z])")
_SHALL = re.compile(r"\bshall\b", re.IGNORECASE)

Fault = tuple[int, str]


def main(paths: list[str]) -> int:
    """Print every fault as `file:line: fault`; returns 1 if there is one."""
    count = 0
    for file in _files(paths or list(_CHECKED)):
        for line, fault in sorted(set(faults_in(file))):
            print(f"{file.relative_to(PROJECT_ROOT)}:{line}: {fault}")
            count += 1
    return min(count, 1)


def faults_in(file: Path) -> Iterator[Fault]:
    """Yield the faults of a Python or Markdown file, with their lines."""
    text = file.read_text()
    if file.suffix == ".py":
        for line, prose in [*_docstrings(text), *_comments(text)]:
            yield from _faults(line, prose)
    else:
        for number, line_of_text in enumerate(text.splitlines(), 1):
            if _SHALL.search(line_of_text):
                yield number, 'nothing "shall": say what it does'


def _files(paths: list[str]) -> Iterator[Path]:
    for path in (PROJECT_ROOT / name for name in paths):
        found = [path] if path.is_file() else sorted([*path.rglob("*.py"), *path.rglob("*.md")])
        yield from (file for file in found if file != Path(__file__).resolve())


def _docstrings(text: str) -> Iterator[tuple[int, str]]:
    """Yield every string that stands alone: docstrings, and those of attributes and options."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Expr(ast.Constant(str() as prose)):
                yield node.lineno, prose


def _comments(text: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("# ")


def _faults(line: int, prose: str) -> Iterator[Fault]:
    for offset, said in enumerate(prose.splitlines()):
        begins = offset == 0 or _ATTRIBUTE.match(said)
        found = _HIDDEN_SUBJECT.match(_ATTRIBUTE.sub("", said)) if begins else None
        if found:
            yield line + offset, f'begins with "{found[1]}": begin with the noun'
        if _SHALL.search(said):
            yield line + offset, 'nothing "shall": say what it does'


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
