"""The code that a bundle carries: the modules that serve, and what they import of the project."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_LIBRARY = "utils"
# The service, which is started by the names of its modules, and what predicts.
_ENTRIES = ("utils.serving.service", "utils.serving.prediction", "utils.serving.objects")


def copy_code(folder: Path) -> None:
    """Copy the code that serves into `folder`, below `utils`."""
    for file in serving_files():
        target = folder / file.relative_to(_ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)


def serving_files() -> list[Path]:
    """All files of the code that serves, in order: modules, and data beside the service's."""
    modules = set(serving_modules())
    folders = [_ROOT / Path(*name.split(".")) for name in _ENTRIES]
    data = {
        file
        for folder in folders
        if folder.is_dir()
        for file in folder.rglob("*")
        if file.is_file() and file.suffix not in (".py", ".pyc")
    }
    return sorted(modules | data)


def serving_modules() -> set[Path]:
    """The modules of the service and all modules that they import, at the top or in a function."""
    waiting = [name for entry in _ENTRIES for name in _with_submodules(entry)]
    found: dict[str, Path] = {}
    while waiting:
        name = waiting.pop()
        file = _file_of(name)
        if name in found or file is None:
            continue
        found[name] = file
        waiting += _imported_by(file)
        parent = name.rpartition(".")[0]
        waiting += [parent] if parent else []
    return set(found.values())


def _with_submodules(name: str) -> Iterator[str]:
    yield name
    folder = _ROOT / Path(*name.split("."))
    for file in sorted(folder.rglob("*.py")):
        parts = file.relative_to(_ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported_by(file: Path) -> Iterator[str]:
    """Yield the names of the project's modules that a module may import."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        names: Iterable[str] = ()
        if isinstance(node, ast.Import):
            names = [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from package import module` imports a module, too.
            names = [node.module, *(f"{node.module}.{one.name}" for one in node.names)]
        yield from (name for name in names if name.split(".")[0] == _LIBRARY)


def _file_of(name: str) -> Path | None:
    """The file of a module or package of the project, or None for a name within one."""
    place = _ROOT / Path(*name.split("."))
    for file in (place.with_suffix(".py"), place / "__init__.py"):
        if file.is_file():
            return file
    return None
