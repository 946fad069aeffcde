"""Mutation testing: how many small faults in the code the unit tests find.

Run it with `python -m benchmarks.mutation [MODULE ...]`. Each module is copied with the unit tests
that concern it, and mutmut (https://mutmut.readthedocs.io) changes one expression at a time. Such a
mutant is killed if a test fails, and survives otherwise. The survivors are printed as differences;
`docs/mutation.md` gives the reason for each. The exit code is 1 when fewer than nine in ten are
killed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from benchmarks.bars import Bar, exit_code
from utils.detection.ultralytics.library import usable_cores
from utils.paths import PROJECT_ROOT

# The unit tests that concern each module; none of them needs more than utils and tests.builders.
MODULES = {
    "utils/geometry.py": ("geometry", "grid"),
    "utils/shapes/formats.py": ("box_formats",),
    "utils/shapes/grid.py": ("grid",),
    "utils/shapes/windows.py": ("shape_windows",),
    "utils/dataset/splits.py": ("dataset_splits",),
    "utils/detection/merge.py": ("merge",),
    "utils/evaluation/matching.py": ("matching", "evaluation_scores", "evaluation_errors"),
}
# Everything a test imports beside `utils`; the `conftest.py` above starts ZenML, which is slow.
HELPERS = ("__init__.py", "builders.py", "evaluations.py", "unit/__init__.py", "unit/conftest.py")
SURVIVED, UNTESTED = 0, 33  # the exit codes by which mutmut notes them
BAR = 0.9


@dataclass(frozen=True, slots=True)
class Mutants:
    """The mutants of one module.

    Attributes:
        total: Their number.
        survivors: The mutants that no test finds, each as a difference.
    """

    total: int
    survivors: tuple[str, ...]

    @property
    def killed(self) -> int:
        """Number of mutants that a test finds."""
        return self.total - len(self.survivors)


def mutate(module: str, tests: Sequence[str], folder: Path) -> Mutants:
    """Test every mutant of a module, in a folder that is empty before."""
    shutil.copytree(PROJECT_ROOT / "utils", folder / "utils")
    chosen = [f"unit/test_{name}.py" for name in tests]
    for name in (*HELPERS, *chosen):
        copy = folder / "tests" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT_ROOT / "tests" / name, copy)
    lines = [
        "[mutmut]",
        "source_paths=utils",
        f"only_mutate={module}",
        "pytest_add_cli_args_test_selection=",
        *(f"    tests/{name}" for name in chosen),
    ]
    (folder / "setup.cfg").write_text("\n".join(lines) + "\n")
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(usable_cores())]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    noted = folder / "mutants" / f"{module}.meta"
    assert noted.is_file(), ran.stdout[-3000:] + ran.stderr[-3000:]
    codes = json.loads(noted.read_text())["exit_code_by_key"]
    assert None not in codes.values(), "not every mutant was tested"
    survivors = [name for name, code in codes.items() if code in (SURVIVED, UNTESTED)]
    return Mutants(len(codes), tuple(difference(name, folder) for name in survivors))


def difference(mutant: str, folder: Path) -> str:
    """A mutant as a difference from the code."""
    command = [sys.executable, "-m", "mutmut", "show", mutant]
    shown = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    changed = [
        line for line in shown.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")
    ]
    return "\n".join([mutant, *changed])


def main(arguments: Sequence[str]) -> int:
    """Test the mutants of the modules, print the table; 1 when too many survive."""
    table = Table("module", "mutants", "killed", "", title="mutation testing")
    results = {}
    for module in arguments or MODULES:
        with TemporaryDirectory() as folder:
            results[module] = mutants = mutate(module, MODULES[module], Path(folder))
        print(*mutants.survivors, sep="\n\n", flush=True)
        share = f"{mutants.killed / mutants.total:.1%}"
        table.add_row(module, str(mutants.total), str(mutants.killed), share)
    Console(width=110).print(table)
    killed = sum(mutants.killed for mutants in results.values())
    total = sum(mutants.total for mutants in results.values())
    return exit_code(
        "mutation", [Bar("share of killed mutants", killed / total, BAR, at_least=True)]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
