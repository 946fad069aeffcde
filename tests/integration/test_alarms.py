"""Alarms are told once, by real servers, and again where nobody could be told."""

from __future__ import annotations

import socket
import ssl
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests.fixtures.mail import PASSWORD, Received, mail_server, webhook
from utils.monitoring.alarms import Alarm
from utils.monitoring.options import AlarmOptions, MailOptions
from utils.monitoring.telling import PASSWORD_VARIABLE, Told, tell
from utils.ports import free_port
from utils.project_commands import PROJECT_VARIABLE


def alarm(rule: str) -> Alarm:
    return Alarm(f"ships/1/{rule}", rule, "version 1 (service)", f"{rule} is high.", 2.0, 1.0)


def test_a_webhook_is_told_once_until_the_alarm_is_over(tmp_path: Path) -> None:
    memory, told = tmp_path / "told.json", alarm("p95_ms")
    with webhook() as server:
        options = AlarmOptions(webhook=f"http://127.0.0.1:{server.port}/hook")
        first = tell("ships", [told], options, memory)
        assert (first.new, first.told, first.failures) == ((told,), ("webhook",), ())
        assert tell("ships", [told], options, memory).told == ()
        tell("ships", [told, alarm("error_share")], options, memory)
        assert tell("ships", [], options, memory).over == (
            "ships/1/error_share",
            "ships/1/p95_ms",
        )
        tell("ships", [told], options, memory)
    rules = [[one["rule"] for one in message["alarms"]] for message in server.messages]
    assert rules == [["p95_ms"], ["error_share"], ["p95_ms"]]
    assert server.messages[0]["model"] == "ships"
    assert "version 1 (service): p95_ms is high." in server.messages[0]["text"]


def test_a_webhook_that_fails_is_said_and_told_by_the_next_look(tmp_path: Path) -> None:
    memory, told = tmp_path / "told.json", alarm("p95_ms")
    with webhook() as server:
        address = f"http://127.0.0.1:{server.port}/hook?token=hidden"
        options = AlarmOptions(webhook=address, retries=2)
        server.failing = True
        failed = tell("ships", [told], options, memory)
        assert failed.failures == (
            "The alarms could not be told by webhook: it answers 500 Internal Server Error. The "
            "next look tries again.",
        )
        server.failing = False
        assert tell("ships", [told], options, memory).told == ("webhook",)
    assert len(server.messages) == 1


def test_nobody_there_is_said_in_one_sentence(tmp_path: Path) -> None:
    nowhere = MailOptions(
        host="127.0.0.1", port=free_port(), security="none", sender="a@x.org", to=("b@x.org",)
    )
    address = f"http://127.0.0.1:{free_port()}"
    options = AlarmOptions(webhook=address, email=nowhere, retries=1)
    found = tell("ships", [alarm("p95_ms")], options, tmp_path / "told.json")
    assert [one.split(":")[0] for one in found.failures] == [
        "The alarms could not be told by webhook",
        "The alarms could not be told by e-mail",
    ]
    assert all("Connection refused" in one for one in found.failures)


@contextmanager
def answering(content: bytes) -> Iterator[str]:
    """The address of a server that answers once, and keeps the connection open afterwards."""
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:

        def answer() -> None:
            client, _ = server.accept()
            with client:
                client.recv(65_536)
                client.sendall(content)
                is_over.wait()

        is_over = Event()
        answered = pool.submit(answer)
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            is_over.set()
            answered.result()


def test_a_webhook_that_speaks_no_http_keeps_no_alarm_from_the_other_way(tmp_path: Path) -> None:
    with mail_server() as server, answering(b"220 ftp ready\r\n") as address:
        mail = MailOptions(
            host="127.0.0.1", port=server.port, security="none", sender="a@x.org", to=("b@x.org",)
        )
        options = AlarmOptions(webhook=address, email=mail, retries=1)
        found = tell("ships", [alarm("p95_ms")], options, tmp_path / "told.json")
    assert found.told == ("e-mail",)
    assert found.failures == (
        "The alarms could not be told by webhook: it cannot be reached (220 ftp ready). The next "
        "look tries again.",
    )


def test_a_webhook_whose_answer_does_not_end_is_told(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\nok"
    with answering(head) as address:
        options = AlarmOptions(webhook=address, retries=1, timeout_s=1)
        assert tell("ships", [alarm("p95_ms")], options, tmp_path / "told.json").told == (
            "webhook",
        )


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 with its key, in one file."""
    folder = tmp_path_factory.mktemp("certificate")
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext"
    named = ("subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "own.pem")
    subprocess.run([*make.split(), *named], cwd=folder, check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_text((folder / "own.pem").read_text() + (folder / "key.pem").read_text())
    return both


def sent(server: Received, folder: Path, **changes: Any) -> Told:
    """Tell an alarm by e-mail."""
    mail = MailOptions(
        **{
            "host": "127.0.0.1",
            "port": server.port,
            "security": "none",
            "user": "watch",
            "sender": "spyglass@example.com",
            "to": ("me@example.com", "you@example.com"),
            **changes,
        }
    )
    return tell("ships", [alarm("p95_ms")], AlarmOptions(email=mail, retries=1), folder / "told")


@pytest.mark.parametrize("password", [PASSWORD, "wrong"])
def test_an_e_mail_is_sent_by_smtp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, password)
    monkeypatch.setenv(PROJECT_VARIABLE, "cells")
    with mail_server() as server:
        found = sent(server, tmp_path)
    if password == PASSWORD:
        (message,) = server.messages
        assert "Subject: Spyglass: 1 alarm of ships" in message
        assert "To: me@example.com, you@example.com" in message
        assert "- version 1 (service): p95_ms is high." in message
        assert "See: python run.py --project cells --monitor" in message
        return
    (failure,) = found.failures
    assert PASSWORD_VARIABLE in failure
    assert server.messages == []


@pytest.mark.parametrize("is_trusted", [True, False])
def test_an_e_mail_is_encrypted_for_a_server_that_can_be_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, certificate: Path, is_trusted: bool
) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, PASSWORD)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with mail_server(context) as server:
        found = sent(server, tmp_path, security="starttls")
        assert len(server.messages) == is_trusted
        assert sent(server, tmp_path / "plain").told == ()
        assert len(server.messages) == is_trusted
    if not is_trusted:
        (failure,) = found.failures
        assert "certificate verify failed" in failure
