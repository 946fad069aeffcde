"""The predictions out there, looked at through `run.py`: once, and with a page that stays up."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.request import urlopen

import pytest
from zenml.client import Client

from tests.fixtures.mail import webhook
from tests.fixtures.user import User, kill, wait_for_line
from utils.monitoring.journal import Journal
from utils.monitoring.notes import Note
from utils.ports import free_port
from utils.serving.monitored import service_notes

pytestmark = pytest.mark.slow

MODEL = "monitored-ships"


def note(number: int, status: int) -> Note:
    return Note(
        time=time.time() - number,
        id=f"{number}",
        route="/predict",
        request=f"{number}",
        model=MODEL,
        version="1",
        status=status,
        milliseconds=20.0,
        window=(0, 0, 64, 64) if status == 200 else None,
        width=64,
        height=64,
    )


def test_a_look_names_what_is_alarming_and_a_page_stays_up(
    local_state: Path, tmp_path: Path
) -> None:
    del local_state
    Client().create_model(name=MODEL)
    Client().create_model_version(MODEL).set_stage("production")
    user = User(tmp_path)
    file = user.writes("monitoring", model={"name": MODEL, "version": "production"})
    command = ("--monitor", "--config", file)
    assert "No prediction of 'monitored-ships'" in user.calls(*command, exit_code=2)
    journal = Journal(service_notes(MODEL))
    journal.append([note(number, 200) for number in range(30)])
    shown = user.calls(*command)
    assert "30 windows noted, of version 1 (service)" in shown
    assert "version 1 (service): no verdict: Version 1 has no bundle" in shown
    assert "page:" in shown
    journal.append([note(number, 503) for number in range(30, 40)])
    with webhook() as server:
        hook = f"monitoring.alarms.webhook=http://127.0.0.1:{server.port}"
        shown = user.calls(*command, "--set", hook, exit_code=3)
        assert "told by webhook" in shown
        user.calls(*command, "--set", hook, exit_code=3)
    assert "10 of 40 requests failed" in shown
    assert len(server.messages) == 1
    port = free_port()
    options = ("--set", f"monitoring.port={port}", "--set", "monitoring.every_s=1")
    watching = user.starts(*command, "--watch", *options)
    try:
        wait_for_line(watching, "version 1 (service): no verdict: Version 1 has no bundle")
        wait_for_line(watching, f"http://127.0.0.1:{port} shows what is out there")
        with urlopen(f"http://127.0.0.1:{port}", timeout=30) as answer:
            page = answer.read().decode()
    finally:
        kill(watching)
    assert "10 of 40 requests failed" in page
    assert '<meta http-equiv="refresh" content="1">' in page
