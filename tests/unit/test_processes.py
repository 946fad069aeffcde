"""Embedded servers: started once, found again, stopped, never mistaken for another process."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from threading import Barrier

import psutil
import pytest

from tests.conftest import PROJECT_ROOT
from utils.errors import ServerError
from utils.ports import free_port, port_is_free
from utils.processes import ServerProcess, running_server, start_on_port, start_server, stop_server

# The file that a killed start leaves: cut off, of another form, or not there.
BROKEN_STATES = ('{"pid": 1', "[1]", None)


@pytest.fixture
def server(tmp_path):
    """A real web server that serves its own folder."""
    yield serve(tmp_path, free_port())
    stop_server("pages", tmp_path)


def serve(folder, port):
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]
    return start_server("pages", folder, command, port, is_ready=lambda: not port_is_free(port))


def listener(port):
    """Somebody else on a port."""
    return socket.create_server(("127.0.0.1", port))


def test_a_started_server_answers_and_is_found_again(server, tmp_path):
    with urllib.request.urlopen(server.url, timeout=10) as answer:
        assert answer.status == 200
    assert running_server("pages", tmp_path) == server
    assert not port_is_free(server.port)


def test_only_its_owner_reads_what_a_server_writes_and_it_knows_the_umask_of_the_user(tmp_path):
    port, written = free_port(), tmp_path / "written"
    script = f"umask; echo $SPYGLASS_USER_UMASK; exec python3 -m http.server {port}"
    command = ["sh", "-c", f"({script}) > {written} 2>&1"]
    before = os.umask(0o027)
    try:
        start_server("writer", tmp_path, command, port, is_ready=lambda: not port_is_free(port))
    finally:
        os.umask(before)
    stop_server("writer", tmp_path)
    assert written.stat().st_mode & 0o077 == 0
    assert written.read_text().split()[:2] == ["0077", "27"]


def test_a_stopped_server_is_gone(server, tmp_path):
    assert stop_server("pages", tmp_path)

    assert not server.is_alive()
    assert port_is_free(server.port)
    assert running_server("pages", tmp_path) is None
    assert not stop_server("pages", tmp_path)


def test_a_server_is_known_by_its_name(server, tmp_path):
    assert running_server("other pages", tmp_path) is None
    assert not stop_server("other pages", tmp_path)
    assert server.is_alive()


def test_another_process_with_the_same_id_is_neither_found_nor_stopped(server, tmp_path):
    reused = replace(server, name="old", started="Mon Jan  1 00:00:00 2001")
    (tmp_path / "old.json").write_text(json.dumps(asdict(reused)))

    assert running_server("old", tmp_path) is None
    assert not stop_server("old", tmp_path)
    assert server.is_alive()


def test_a_server_is_found_again_in_another_time_zone(server, tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert running_server("pages", tmp_path) == server


def test_a_server_whose_program_has_a_strange_name_is_found_again(tmp_path):
    program = tmp_path / "a) Z 1 (b"
    program.symlink_to(shutil.which("sleep"))
    start_server("strange", tmp_path, [program, "600"], 0, is_ready=lambda: True)
    assert stop_server("strange", tmp_path)


def test_a_server_that_ended_by_itself_is_not_alive():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()

    assert not ServerProcess("gone", process.pid, 1, "").is_alive()


def test_a_server_that_fails_to_start_quotes_its_log(tmp_path):
    command = [sys.executable, "-c", "print('the disk is full'); raise SystemExit(3)"]
    with pytest.raises(ServerError, match="pages ended while starting: the disk is full") as told:
        start_server("pages", tmp_path, command, free_port(), is_ready=lambda: False)

    assert str(tmp_path / "pages.log") in str(told.value)
    assert running_server("pages", tmp_path) is None


def test_a_server_that_stays_silent_is_given_up_and_stopped(tmp_path):
    waiting = f"{sys.executable} -c 'import threading; threading.Event().wait()'"
    command = ["sh", "-c", f"echo $$; exec {waiting}"]
    with pytest.raises(ServerError, match="did not answer within 0 s"):
        start_server("pages", tmp_path, command, free_port(), is_ready=lambda: False, timeout_s=0.3)

    pid = int((tmp_path / "pages.log").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_server_is_not_taken_for_another_on_its_port(tmp_path):
    port = free_port()
    with listener(port), pytest.raises(ServerError, match=f"cannot listen on port {port}: another"):
        serve(tmp_path, port)


def test_a_server_whose_port_is_taken_while_it_starts_is_stopped(tmp_path):
    port, others = free_port(), []

    def is_ready():
        others[:] = others or [listener(port)]
        return True

    sleeping = [sys.executable, "-c", "import time; time.sleep(600)"]
    with pytest.raises(ServerError, match=f"cannot listen on port {port}: another program does"):
        start_server("pages", tmp_path, sleeping, port, is_ready=is_ready)

    others[0].close()
    assert running_server("pages", tmp_path) is None


# Waits for a word that never comes, as a server does whose data are in disorder.
STARTS_FOR_EVER = """
import sys
from pathlib import Path
from utils.processes import start_server

server = [sys.executable, "-c", "import time; time.sleep(600)"]
start_server("pages", Path(sys.argv[1]), server, 0, is_ready=lambda: False)
"""


def killed_while_starting(folder):
    """The process id of a server whose starter was killed before it answered."""
    command = [sys.executable, "-c", STARTS_FOR_EVER, folder]
    starter = subprocess.Popen(command, cwd=PROJECT_ROOT)
    state = folder / "pages.json"
    while not state.is_file():
        assert starter.poll() is None
    starter.kill()
    starter.wait()
    return psutil.Process(json.loads(state.read_text())["pid"])


@pytest.mark.parametrize(
    "state", ["as it was", *(pytest.param(one, marks=pytest.mark.slow) for one in BROKEN_STATES)]
)
def test_a_server_whose_starter_was_killed_is_not_ready_and_is_replaced(state, tmp_path):
    left = killed_while_starting(tmp_path)
    if state is None:
        (tmp_path / "pages.json").unlink()  # killed before there was one
    elif state != "as it was":
        (tmp_path / "pages.json").write_text(state)
    assert running_server("pages", tmp_path) is None

    server = serve(tmp_path, free_port())
    assert not left.is_running() or left.status() == psutil.STATUS_ZOMBIE
    assert running_server("pages", tmp_path) == server
    assert stop_server("pages", tmp_path)


def test_a_server_that_is_starting_can_be_stopped(tmp_path):
    left = killed_while_starting(tmp_path)
    assert stop_server("pages", tmp_path)
    assert not left.is_running() or left.status() == psutil.STATUS_ZOMBIE


def test_servers_started_at_once_have_ports_of_their_own(tmp_path):
    preferred, together = free_port(), Barrier(2)

    def start(folder):
        def on(port):
            if port == preferred:
                together.wait(timeout=60)
            return serve(folder, port)

        return start_on_port(preferred, on)

    folders = [tmp_path / "one", tmp_path / "two"]
    with ThreadPoolExecutor() as threads:
        servers = list(threads.map(start, folders))

    assert [running_server("pages", folder) for folder in folders] == servers
    assert preferred in {servers[0].port, servers[1].port}
    assert servers[0].port != servers[1].port
    assert all(stop_server("pages", folder) for folder in folders)


def test_a_server_that_does_not_start_is_not_tried_again_on_another_port(tmp_path):
    tried = []

    def start(port):
        tried.append(port)
        return start_server("pages", tmp_path, ["false"], port, is_ready=lambda: False)

    with pytest.raises(ServerError, match="pages ended while starting"):
        start_on_port(free_port(), start)

    assert len(tried) == 1
