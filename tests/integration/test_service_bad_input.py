"""Bad input is answered by a status and one sentence, and the service goes on."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.fixtures.services import Service, served, wait_for
from tests.fixtures.spots import png, spots, write_bundle
from tests.integration.test_service_predict import form
from utils.files import sha256_of
from utils.serving.bundle import Bundle
from utils.serving.environment import service_python

GOOD = spots(64, 64, [(1, 1, "ship")])
RAW = {"Content-Type": "application/octet-stream"}


def encoded(image=GOOD, kind: str = "PNG", **options) -> bytes:
    content = BytesIO()
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    picture.save(content, kind, **options)
    return content.getvalue()


def png_of_size(width: int, height: int) -> bytes:
    """A PNG that says to be of a size; its pixels are zeros, which compress to nothing."""

    def chunk(name: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + check

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(min((1 + 3 * width) * height, 1 << 24)), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.fixture(scope="module", autouse=True)
def lives(service: Service) -> Iterator[None]:
    """The service goes on, with the same worker, and nothing of a request is left."""
    before = service.children
    yield
    assert service.children == before
    assert len(service.predict(encoded()).json["objects"]) == 1
    wait_for(lambda: list((service.state / "incoming").iterdir()) == [])
    assert "Traceback" not in service.log.read_text()


@pytest.fixture(autouse=True)
def goes_on(service: Service) -> Iterator[None]:
    yield
    assert len(service.predict(encoded()).json["objects"]) == 1


def check(answer, status: int, words: str, service: Service) -> None:
    """One sentence or two, and nothing of the inside."""
    assert answer.status == status, answer.body
    error = answer.json["error"]
    assert answer.json.keys() == {"error"}
    assert words in error
    assert error[0].isupper()
    assert error.endswith((".", "python run.py --package"))
    assert "\n" not in error
    assert "Traceback" not in error
    for secret in (str(service.state), "/home", "incoming", "site-packages"):
        assert secret not in error


NOT_IMAGES = {
    "text": (b"hello, world", 415, "not an image"),
    "nothing": (b"", 400, "zero bytes"),
    "a script for ImageMagick": (
        b"push graphic-context\nimage over 0,0 0,0 'x.png'",
        415,
        "not an",
    ),
    "a drawing": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', 415, "an SVG drawing"),
    "a drawing behind a space": (b' \n<svg width="9" height="9"></svg>', 415, "an SVG drawing"),
    "a document": (b"%PDF-1.7\n", 415, "a PDF document"),
    "PostScript": (b"%!PS-Adobe-3.0\n", 415, "a PostScript document"),
    "a virtual raster": (b'<VRTDataset rasterXSize="9" rasterYSize="9">', 415, "virtual raster"),
    "an archive": (b"PK\x03\x04" + bytes(60), 415, "a ZIP archive"),
    "truncated PNG": (
        encoded(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))[:4000],
        422,
        "does not decode",
    ),
    "truncated JPEG": (
        encoded(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8), "JPEG")[:1500],
        422,
        "does not decode",
    ),
    "a header alone": (b"\x89PNG\r\n\x1a\n", 422, "does not decode"),
    "a JPEG in name only": (b"\xff\xd8\xff" + b"x" * 100, 422, "."),
    "a TIFF in name only": (b"II*\x00" + b"\xff" * 100, 422, "."),
    "0 x n": (png_of_size(0, 64), 422, "."),
    "n x 0": (png_of_size(64, 0), 422, "."),
    "a bomb": (png_of_size(60_000, 60_000), 413, "limit of 500,000,000"),
    "too few pixels": (png_of_size(5000, 5000)[:900], 422, "does not decode"),
}


@pytest.mark.parametrize("name", NOT_IMAGES)
def test_what_is_no_whole_image(service: Service, name) -> None:
    content, status, words = NOT_IMAGES[name]
    check(service.ask("POST", "/predict", content, RAW), status, words, service)
    body, headers = form(("image", content))
    check(service.ask("POST", "/predict", body, headers), status, words, service)


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ([("picture", encoded())], 400, "no field 'image'"),
        ([("classes", "ship")], 400, "no field 'image'"),
        ([], 400, "no field 'image'"),
        ([("image", encoded()), ("image", encoded())], 413, "more than one image"),
        ([("image", encoded()), ("confidenc", "0.5")], 400, "did you mean 'confidence'"),
        ([("image", encoded()), ("confidence", "high")], 400, "a number from 0 to 1"),
        ([("image", encoded()), ("confidence", "nan")], 400, "a number from 0 to 1"),
        ([("image", encoded()), ("confidence", "-1")], 400, "a number from 0 to 1"),
        ([("image", encoded()), ("tile_size", "1")], 400, "from 32 to 8192"),
        ([("image", encoded()), ("tile_size", "1e9")], 400, "from 32 to 8192"),
        ([("image", encoded()), ("classes", "ships")], 400, "did you mean 'ship'"),
        ([("image", encoded()), ("classes", "")], 400, "nknown class"),
        ([("image", encoded()), ("note", "x" * 10_000)], 400, "too long for an option"),
        ([(f"field{number}", "x") for number in range(100)], 400, "more than 32 fields"),
        ([("../../etc/passwd", "x"), ("image", encoded())], 400, "nknown option"),
    ],
)
def test_wrong_fields(service: Service, fields, status, words) -> None:
    body, headers = form(*fields)
    check(service.ask("POST", "/predict", body, headers), status, words, service)


@pytest.mark.parametrize(
    ("body", "kind", "status", "words"),
    [
        (encoded(), "text/html", 415, "no image"),
        (encoded(), "application/x-www-form-urlencoded", 415, "multipart/form-data"),
        (b"{}", "application/json", 415, "no image"),
        (encoded(), "multipart/form-data", 400, "multipart/form-data"),
        (encoded(), "multipart/form-data; boundary=part", 400, "multipart/form-data"),
        (form(("image", encoded()))[0][:-20], "multipart/form-data; boundary=part", 400, "ends"),
        (encoded(), f"multipart/form-data; boundary={'x' * 5000}", 400, "multipart/form-data"),
        (encoded(), "application/vnd.bentoml+pickle", 415, "no image"),
    ],
)
def test_wrong_content_types(service: Service, body, kind, status, words) -> None:
    answer = service.ask("POST", "/predict", body, {"Content-Type": kind})
    check(answer, status, words, service)


def test_an_answer_in_a_form_that_does_not_exist(service: Service) -> None:
    check(service.predict(encoded(), accept="text/html"), 406, "application/json", service)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/none", 404),
        ("GET", "/../../etc/passwd", 404),
        ("GET", "/scenes/..%2f..%2fetc", 404),
        ("GET", "/scenes/0123456789", 404),
        ("GET", "/scenes/x/objects", 404),
        ("DELETE", "/predict", 405),
        ("POST", "/admin/deploy", 401),
    ],
)
def test_pages_that_do_not_exist(service: Service, method, path, status) -> None:
    check(service.ask(method, path), status, "", service)


def test_deploying_nonsense(service: Service) -> None:
    token = (service.state / "admin.token").read_text()
    for body, status in ((b"{", 400), (b"[]", 400), (b"{}", 400), (b'{"bundle": 3}', 400)):
        headers = {"Authorization": f"Bearer {token}"}
        check(service.ask("POST", "/admin/deploy", body, headers), status, ".", service)
    for place in ("/nowhere", "relative", "/etc", "/a\0b"):
        check(service.deploy(Path(place)), 422, "no bundle", service)
    wrong = service.ask("POST", "/admin/deploy", b"{}", {"Authorization": "Bearer x"})
    check(wrong, 401, "token", service)


# --- limits --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def strict(spots_bundle, tmp_path_factory) -> Iterator[Service]:
    """A service with narrow limits, which asks for a token."""
    state = tmp_path_factory.mktemp("strict") / "state"
    limits = {
        "body-bytes": 100_000,
        "scene-bytes": 200_000,
        "image-pixels": 10_000,
        "batch-images": 3,
        "waiting": 3,
        "header-seconds": 0.5,
        "silent-seconds": 0.5,
        "slowest-bytes": 1000,
        "connections": 40,
    }
    options = [word for name, value in limits.items() for word in (f"--{name}", str(value))]
    bundle = spots_bundle().folder
    with served(bundle, state, "--host", "0.0.0.0", *options) as found:  # noqa: S104
        token = (state / "access.token").read_text()
        found.headers["Authorization"] = f"Bearer {token}"
        yield found


def test_who_listens_elsewhere_asks_for_a_token(strict: Service) -> None:
    token = strict.headers["Authorization"].split()[1]
    assert oct((strict.state / "access.token").stat().st_mode)[-3:] == "600"
    for shown in ("", "Bearer", "Bearer x", f"Basic {token}", f"Bearer {token}x", token):
        answer = strict.ask("GET", "/model", headers={"Authorization": shown})
        check(answer, 401, "token", strict)
        assert token not in answer.body.decode()
    for path in ("/metrics", "/test", "/scenes", "/openapi.json", "/"):
        assert strict.ask("GET", path, headers={"Authorization": ""}).status == 401
    assert strict.ask("GET", "/readyz", headers={"Authorization": ""}).status == 200
    assert strict.predict(encoded()).status == 200


def test_a_web_page_from_elsewhere_may_not_ask(service: Service) -> None:
    answer = service.predict(encoded(), origin="https://example.org")
    check(answer, 403, "web page", service)
    answer = service.predict(encoded(), host="example.org")
    check(answer, 403, "this machine", service)
    assert service.predict(encoded(), origin=service.url).status == 200


def test_too_large(strict: Service) -> None:
    large = bytes(150_000)
    check(strict.ask("POST", "/predict", large, RAW), 413, "more than 100,000 bytes", strict)
    parts = (bytes(50_000) for _ in range(4))  # without a length
    check(strict.ask("POST", "/predict", parts, RAW), 413, "more than 100,000 bytes", strict)
    body, headers = form(("image", large))
    check(strict.ask("POST", "/predict", body, headers), 413, "more than 100,000 bytes", strict)
    check(strict.ask("POST", "/scenes", bytes(300_000), RAW), 413, "200,000 bytes", strict)
    check(strict.predict(encoded(spots(160, 112, []))), 413, "limit of 10,000", strict)
    assert "max_pixels" not in strict.predict(encoded(spots(160, 112, []))).json["error"]


def test_too_many(strict: Service) -> None:
    body, headers = form(*[("image", encoded())] * 4)
    check(strict.ask("POST", "/predict/batch", body, headers), 413, "more than 3 images", strict)


def opened(service: Service) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=30)


def rest(connection: socket.socket) -> bytes:
    """Everything until the service closes."""
    content = b""
    while part := connection.recv(1 << 16):
        content += part
    return content


def head(service: Service, length: int) -> bytes:
    token = service.headers.get("Authorization", "")
    return (
        f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: image/png\r\n"
        f"Authorization: {token}\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def test_a_slow_loris_is_let_go(strict: Service) -> None:
    """Clients that send a header, or a body, a byte at a time or not at all."""
    with contextlib.ExitStack() as stack:
        silent, slow, waiting, body = (stack.enter_context(opened(strict)) for _ in range(4))
        slow.sendall(b"GET /livez HTTP/1.1\r\nX-")
        body.sendall(head(strict, 90_000) + b"\x89PNG")
        assert strict.predict(encoded()).status == 200
        for connection in (silent, slow, waiting, body):
            assert b" 408 " in rest(connection).splitlines()[0]


def test_a_body_that_trickles_is_let_go(strict: Service) -> None:
    with opened(strict) as connection:
        connection.sendall(head(strict, 90_000))
        connection.settimeout(0.2)
        content = b""
        for _ in range(100):
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(b"x")
            with contextlib.suppress(TimeoutError, ConnectionResetError):
                content += connection.recv(1 << 16)
            if content:
                break
        assert b" 408 " in content.splitlines()[0]


def test_headers_without_end(service: Service) -> None:
    with opened(service) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\n")
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for number in range(3000):
                connection.sendall(b"X-%d: %s\r\n" % (number, b"x" * 100))
        with contextlib.suppress(ConnectionResetError):
            assert b" 431 " in rest(connection).splitlines()[0]


def test_no_http(service: Service) -> None:
    with opened(service) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50))
        answer = rest(connection)
    assert b" 400 " in answer.splitlines()[0]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"] == "The request is no valid HTTP."


def test_clients_that_vanish_leave_nothing(service: Service) -> None:
    for sent in (b"", b"POST", head(service, 90_000), head(service, 90_000) + encoded()[:50]):
        with opened(service) as connection:
            connection.sendall(sent)
    whole = encoded()
    for _ in range(5):  # before the answer
        with opened(service) as connection:
            connection.sendall(head(service, len(whole)) + whole)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wait_for(lambda: list((service.state / "incoming").iterdir()) == [])


def test_many_at_once_are_answered_or_told_to_wait(strict: Service) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: strict.predict(encoded()), range(120)))
    by_status = {answer.status for answer in answers}
    assert by_status <= {200, 429}
    assert 200 in by_status
    for answer in answers:
        if answer.status == 429:
            assert answer.headers["retry-after"] == "1"
            check(answer, 429, "waiting", strict)
        else:
            assert len(answer.json["objects"]) == 1


# --- bundles -------------------------------------------------------------------------------------


def _tampered(bundle: Bundle) -> None:
    (bundle.folder / "utils" / "detection" / "merge.py").write_text("print('was run')")


def _another_result(bundle: Bundle) -> None:
    expected = json.loads(bundle.expected.read_text())
    expected["objects"][0]["box"] = [0, 0, 9, 9]
    bundle.expected.write_text(json.dumps(expected))
    card = json.loads((bundle.folder / "bundle.json").read_text())
    card["files"]["test/expected.json"] = sha256_of(bundle.expected)
    (bundle.folder / "bundle.json").write_text(json.dumps(card))


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_tampered, "utils/detection/merge.py was changed"),
        (_another_result, "does not find on its test"),
    ],
)
def test_a_bundle_that_does_not_prove_itself_is_not_served(tmp_path, damage, words) -> None:
    bundle = write_bundle(tmp_path / "bundle")
    damage(bundle)
    with served(bundle.folder, tmp_path / "state", is_ready=False) as service:
        wait_for(lambda: "has not yet" not in service.get("/readyz").json["error"])
        check_ready = service.get("/readyz")
        assert check_ready.status == 503
        assert words in check_ready.json["error"]
        for answer in (service.predict(encoded()), service.get("/model"), service.get("/test")):
            check(answer, 503, words, service)
            assert str(tmp_path) not in answer.body.decode()
        assert service.get("/livez").status == 200
        assert "was run" not in service.log.read_text()
        good = write_bundle(tmp_path / "good", "2")
        assert service.deploy(good.folder).status == 200
        assert service.predict(encoded()).json["version"] == "2"


def test_a_worker_that_dies_at_every_start_is_told(tmp_path) -> None:
    bundle = write_bundle(tmp_path / "bundle")
    with served(bundle.folder, tmp_path / "state") as service:
        shutil.rmtree(bundle.folder / "test")
        for worker in service.children:
            os.kill(worker, signal.SIGKILL)
        wait_for(lambda: service.get("/readyz").status == 503)
        assert service.get("/livez").status == 200


def test_decoders_of_libvips_are_kept_to_the_formats_that_are_read(tmp_path) -> None:
    """In the service's own environment: no loader but those of the formats opens anything."""
    svg = tmp_path / "a.svg"
    svg.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')
    good = png(GOOD, tmp_path / "a.png")
    script = (
        "import sys, pyvips\n"
        "from utils.serving.service.safe_decoding import keep_decoders_safe\n"
        "assert pyvips.Image.new_from_file(sys.argv[1]).width == 9\n"
        "keep_decoders_safe()\n"
        "assert pyvips.Image.new_from_file(sys.argv[2]).width == 64\n"
        "try:\n    pyvips.Image.new_from_file(sys.argv[1])\n"
        "except pyvips.Error: print('refused')\n"
    )
    command = [str(service_python()), "-c", script, str(svg), str(good)]
    root = Path(__file__).parent.parent.parent
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.stdout == "refused\n", done.stderr


def test_an_upload_that_is_refused_early_gets_its_answer(strict: Service) -> None:
    """The client is still sending when the answer comes."""
    connection = HTTPConnection("127.0.0.1", strict.port, timeout=30)
    with contextlib.closing(connection):
        connection.putrequest("POST", "/predict")
        for name, value in {**strict.headers, **RAW, "Content-Length": "20000000"}.items():
            connection.putheader(name, value)
        connection.endheaders()
        for _ in range(20):
            connection.send(bytes(1_000_000))
        assert connection.getresponse().status == 413
