"""`make demo` runs the whole loop, to the tiles that go back to people."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

from commands.demo import STAGES
from tests.conftest import PROJECT_ROOT


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_ends_with_a_table_of_its_results(tmp_path):
    command = "import sys; from commands.demo import run_demo; sys.exit(run_demo(epochs=3))"
    environment = {**os.environ, "SPYGLASS_LOCAL": str(tmp_path / "local")}
    stop = [sys.executable, "-m", "commands.servers", "stop"]
    try:
        demo = subprocess.run(
            [sys.executable, "-c", command],
            cwd=PROJECT_ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        deploys = [sys.executable, "-m", "commands.demo", "service"]
        service = subprocess.run(
            deploys, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, check=False
        )
        curl = re.search(r"curl .*", service.stdout)
        assert curl, service.stdout + service.stderr
        answer = subprocess.run(["bash", "-c", curl[0]], capture_output=True, check=True).stdout
        assert b'"objects"' in answer
    finally:
        subprocess.run(stop, cwd=PROJECT_ROOT, env=environment, check=True)
    assert subprocess.run(["bash", "-c", curl[0]], capture_output=True).returncode != 0
    assert demo.returncode == 0, demo.stdout + demo.stderr
    figures = dict(re.findall(r"^│ (.+?) +│ (.+?) +│$", demo.stdout, re.MULTILINE))
    assert figures["scenes"] == "8"
    assert figures["tasks"] == "205 (205 new)"
    assert re.fullmatch(r"[01]\.\d{3}", figures["mAP50 on held-out scenes"])
    assert int(figures["tiles sent back"]) > 0
    assert {f"seconds for {name}" for name, _ in STAGES} <= figures.keys()
    assert "Traceback" not in demo.stdout + demo.stderr
    # A path or a command stands alone on its line, however long it is.
    alone = re.compile(r" *(\$ )?python run\.py |\s*\S+$")
    long = [line for line in demo.stdout.splitlines() if len(line) > 100]
    assert not [line for line in long if not alone.match(line)]


@pytest.mark.slow
def test_the_service_of_the_demo_needs_the_demo(tmp_path):
    told = subprocess.run(
        [sys.executable, "-m", "commands.demo", "service"],
        cwd=PROJECT_ROOT,
        env={**os.environ, "SPYGLASS_LOCAL": str(tmp_path / "local")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 1
    assert "Train one with: make demo" in told.stderr
