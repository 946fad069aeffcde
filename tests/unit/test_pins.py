"""Versions with known holes are not installed where nothing forces them."""

from __future__ import annotations

import re

import pytest

from utils.annotation.label_studio.installation import LOCK
from utils.paths import PROJECT_ROOT

PATCHED_URLLIB3 = (2, 6, 3)  # CVE-2026-21441


@pytest.mark.parametrize("lock", [PROJECT_ROOT / "requirements.txt", LOCK], ids=lambda p: p.stem)
def test_urllib3_bounds_what_it_unpacks(lock):
    [version] = re.findall(r"^urllib3==([\d.]+)", lock.read_text(), re.MULTILINE)
    assert tuple(map(int, version.split("."))) >= PATCHED_URLLIB3
