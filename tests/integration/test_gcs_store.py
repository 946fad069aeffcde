"""What a bucket can do to a client, and what the user is told."""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from google.cloud.storage.retry import DEFAULT_RETRY

from utils.errors import StoreError
from utils.processes import free_port
from utils.storage import gcs
from utils.storage.store import open_store

OURS = b"content"
Answer = tuple[int, dict[str, Any]]


class FakeStorage(ThreadingHTTPServer):
    """Answers every request by a function of its method and path, and remembers them.

    It stands in for what the emulator does not do: refuse, and check preconditions.
    """

    daemon_threads = True

    def __init__(self, answer: Callable[[str, str], Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer
        self.requests: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    server: FakeStorage

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append(f"{self.command} {self.path}")
        status, body = self.server.answer(self.command, self.path)
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Stay silent."""


@pytest.fixture
def serve(
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[Callable[[str, str], Answer]], FakeStorage]]:
    servers: list[FakeStorage] = []

    def start(answer: Callable[[str, str], Answer]) -> FakeStorage:
        server = FakeStorage(answer)
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{server.server_port}")
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up after half a second instead of ten."""
    quick = {"timeout": (1, 1), "retry": DEFAULT_RETRY.with_timeout(0.5)}
    monkeypatch.setattr(gcs, "_QUICK_REQUEST", quick)


def stored(content: bytes) -> Answer:
    md5 = hashlib.md5(content, usedforsecurity=False).digest()
    resource = {"name": "a.png", "bucket": "b", "generation": "7", "size": str(len(content))}
    return 200, resource | {"md5Hash": b64encode(md5).decode()}


def test_a_missing_bucket_is_named_with_the_command_that_makes_it(gcs_bucket):
    missing = open_store(f"{gcs_bucket}-gone/prefix")
    with pytest.raises(StoreError, match=rf"gcloud storage buckets create {gcs_bucket}-gone$"):
        missing.check()
    with pytest.raises(StoreError, match="does not exist"):
        missing.write("a.png", OURS)


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        pytest.param(401, "gcloud auth application-default login", id="token not accepted"),
        pytest.param(403, "Grant it the role Storage Object Admin", id="role missing"),
    ],
)
def test_a_refusal_comes_with_its_remedy(serve, status, remedy):
    serve(lambda *_: (status, {"error": {"message": "no"}}))
    with pytest.raises(StoreError, match=remedy):
        open_store("gs://b").check()


def test_an_unreachable_bucket_is_one_sentence(monkeypatch, impatient):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(StoreError, match="gs://b cannot be reached") as caught:
        open_store("gs://b").check()
    assert "\n" not in str(caught.value)


def test_missing_credentials_are_one_sentence(monkeypatch, tmp_path):
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "nothing.json"))
    with pytest.raises(StoreError, match="gcloud auth application-default login"):
        open_store("gs://b")


def test_an_upload_names_the_generation_it_replaces(serve):
    def answer(method: str, path: str) -> Answer:
        return stored(b"old") if method == "GET" else stored(OURS)

    server = serve(answer)
    open_store("gs://b").write("a.png", OURS)
    (upload,) = [request for request in server.requests if request.startswith("POST")]
    assert "ifGenerationMatch=7" in upload


def test_a_first_upload_asks_that_nothing_is_there(serve):
    server = serve(lambda method, _: (404, {}) if method == "GET" else stored(OURS))
    open_store("gs://b").write("a.png", OURS)
    (upload,) = [request for request in server.requests if request.startswith("POST")]
    assert "ifGenerationMatch=0" in upload


@pytest.mark.parametrize("winner", [OURS, b"another"], ids=["our own retry", "another writer"])
def test_an_object_that_appears_meanwhile_is_accepted_only_when_it_is_ours(serve, winner):
    appeared = False

    def answer(method: str, path: str) -> Answer:
        nonlocal appeared
        if method == "POST":
            appeared = True
            return 412, {"error": {"message": "conditionNotMet"}}
        return stored(winner) if appeared else (404, {})

    serve(answer)
    if winner == OURS:
        assert open_store("gs://b").write("a.png", OURS) == "gs://b/a.png"
    else:
        with pytest.raises(StoreError, match="changed by another writer"):
            open_store("gs://b").write("a.png", OURS)


def test_an_upload_that_meets_a_server_error_is_repeated(serve):
    refusals = iter([(503, {"error": {"message": "later"}})])

    def answer(method: str, path: str) -> Answer:
        return (404, {}) if method == "GET" else next(refusals, stored(OURS))

    server = serve(answer)
    open_store("gs://b").write("a.png", OURS)
    assert sum(request.startswith("POST") for request in server.requests) == 2


def test_a_listing_is_read_page_by_page(serve):
    pages = {"": (["a", "b"], "more"), "more": (["c"], None)}

    def answer(method: str, path: str) -> Answer:
        names, token = pages["more" if "pageToken=more" in path else ""]
        items = [{"name": name, "size": "1"} for name in names]
        return 200, {"items": items} | ({"nextPageToken": token} if token else {})

    server = serve(answer)
    listing = open_store("gs://b").list()
    assert next(listing).key == "a"
    assert sum("/o?" in request for request in server.requests) == 1
    assert [item.key for item in listing] == ["b", "c"]
    assert sum("/o?" in request for request in server.requests) == 2


def test_a_downloaded_file_with_another_hash_is_refused_and_not_kept(gcs_bucket, local_state):
    from utils.storage.cache import local_copies

    uri = open_store(gcs_bucket).write("a.png", b"changed")
    with pytest.raises(StoreError, match="its hash differs"):
        list(local_copies([(uri, "0" * 64)]))
    assert not list((local_state / "cache" / "images").rglob("0000*"))
