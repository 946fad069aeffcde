"""Write the lock as files for pip: `requirements.txt`, and `requirements-gcp.txt` for Google Cloud.

pip takes a file with hashes only where it lists each package with the extras that others ask for.
`uv export` leaves the extras out, so they are added here from the lock.

    python .ci/requirements.py [--check]
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from uv import find_uv_bin

ROOT = Path(__file__).parent.parent
EXTRAS_OF_FILES = {"requirements.txt": (), "requirements-gcp.txt": ("gcp",)}
HEADER = "# Written by `make format` from uv.lock.\n"


def main() -> int:
    """Write the files, or report those that are out of step; returns the exit code."""
    is_check = sys.argv[1:] == ["--check"]
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
    stale = 0
    for name, extras in EXTRAS_OF_FILES.items():
        file, text = (
            ROOT / name,
            HEADER + _with_extras(_exported(extras), _extras_asked_for(lock, extras)),
        )
        if is_check and file.read_text(encoding="utf-8") != text:
            print(f"{name} is out of step with uv.lock: run make format")
            stale = 1
        elif not is_check:
            file.write_text(text, encoding="utf-8")
    return stale


def _extras_asked_for(lock: dict, extras: tuple[str, ...]) -> dict[str, set[str]]:
    """Return the extras that the project's packages ask of each other, by package."""
    packages: dict[str, list[dict]] = {}
    for package in lock["package"]:
        packages.setdefault(package["name"], []).append(package)
    wanted: dict[str, set[str]] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [("spyglass", extra) for extra in ("", *extras)]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        if extra and name != "spyglass":
            wanted.setdefault(name, set()).add(extra)
        for package in packages[name]:
            groups = package.get("optional-dependencies", {})
            dependencies = groups.get(extra, []) if extra else package.get("dependencies", [])
            for dependency in dependencies:
                needed = ("", *dependency.get("extra", ()))
                waiting += [(dependency["name"], part) for part in needed]
    return wanted


def _exported(extras: tuple[str, ...]) -> str:
    arguments = [part for extra in extras for part in ("--extra", extra)]
    command = [find_uv_bin(), "export", "-q", "--frozen", "--no-emit-project", "--no-header"]
    return subprocess.run(
        [*command, "--no-annotate", *arguments],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def _with_extras(exported: str, wanted: dict[str, set[str]]) -> str:
    """List each package with extras twice: pip matches a need without the extra only so."""

    def both(match: re.Match[str]) -> str:
        extras = ",".join(sorted(wanted.get(match["name"], ())))
        return f"{match['name']}[{extras}]{match['pin']}{match[0]}" if extras else match[0]

    entry = r"^(?P<name>[a-z0-9._-]+)(?P<pin>==.*\n(?:    .*\n)*)"
    return re.sub(entry, both, exported, flags=re.MULTILINE)


if __name__ == "__main__":
    sys.exit(main())
