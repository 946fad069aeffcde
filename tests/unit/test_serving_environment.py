"""The service's environment is locked, small, and computes with the packages of the pipelines."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.unit.test_annotation_installation import fake_uv
from utils.environments import packages_folder
from utils.files import sha256_of
from utils.serving.environment import LOCK, service_python

ROOT = Path(__file__).parent.parent.parent
SHARED = ("numpy", "onnxruntime", "pillow", "pydantic", "pyvips", "pyvips-binary", "rasterio")
HEAVY = ("torch", "zenml", "ultralytics", "pyarrow", "scipy", "opencv", "bentoml")


def pins(path: Path) -> dict[str, set[str]]:
    """The versions of each package of a lock, by name."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(
        r"^([a-z0-9-]+)(?:\[.*?])?==([^ ;\\]+)", path.read_text(), re.M
    ):
        found.setdefault(name, set()).add(version)
    return found


def test_every_package_of_the_lock_has_a_hash() -> None:
    packages = [line for line in LOCK.read_text().splitlines() if line[:1].isalnum()]
    assert len(packages) > 20
    assert [package for package in packages if not package.endswith("\\")] == []


def test_it_decodes_and_computes_with_the_versions_of_the_pipelines() -> None:
    service, pipelines = pins(LOCK), pins(ROOT / "requirements.txt")
    assert {name: service[name] for name in SHARED} == {name: pipelines[name] for name in SHARED}


@pytest.mark.parametrize("name", HEAVY)
def test_nothing_heavy_is_in_the_lock(name: str) -> None:
    assert [package for package in pins(LOCK) if package.startswith(name)] == []


def test_what_is_not_needed_is_removed_before_it_counts_as_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPYGLASS_ENVIRONMENTS", str(tmp_path / "environments"))
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    folder = tmp_path / "environments" / f"service-{version}-{sha256_of(LOCK)[:12]}"
    capi = packages_folder(folder) / "onnxruntime" / "capi"
    monkeypatch.setenv(
        "UV", fake_uv(tmp_path, f"mkdir -p {capi}; touch {capi}/libonnxruntime.so.1 {capi}/kept.so")
    )
    assert service_python() == folder / "bin" / "python"
    assert [file.name for file in capi.iterdir()] == ["kept.so"]
    assert (folder / "installed.txt").is_file()
