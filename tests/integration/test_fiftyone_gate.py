"""The App and its database answer nobody but the user, and hand out no file but the datasets'."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pymongo
import pytest
from pymongo.errors import OperationFailure

from tests.builders import write_image
from utils.curation import database
from utils.curation.app import serve_app, stop_app
from utils.gate import bearer
from utils.paths import local_folder
from utils.ports import port_is_free
from utils.processes import ServerProcess, start_on_port, start_server


@pytest.fixture(scope="module")
def app(mongodb: str) -> Iterator[httpx.Client]:
    """A program that knows the token."""
    address = urlsplit(serve_app())
    [token] = parse_qs(address.query)["token"]
    with httpx.Client(base_url=f"http://{address.netloc}", headers=bearer(token)) as client:
        yield client
    stop_app()


@pytest.fixture
def image(dataset_name: str, tmp_path: Path) -> Path:
    """An image of a dataset."""
    import fiftyone as fo

    path = write_image(tmp_path / "sample.png", 8, 8)
    fo.Dataset(dataset_name, persistent=True).add_sample(fo.Sample(str(path)))
    return path


def test_the_app_hands_out_the_images_of_its_datasets(app: httpx.Client, image: Path) -> None:
    assert app.get("/media", params={"filepath": str(image)}).content == image.read_bytes()


def test_the_app_hands_out_no_other_file(app: httpx.Client, image: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    password = local_folder("mongodb") / "password"
    around = image.parent / ".." / image.parent.name / secret.name
    for path in (secret, password, around, Path("/etc/passwd")):
        for address in ("/media", "/media/", "//media"):
            asked = app.get(address, params={"filepath": str(path)}, follow_redirects=True)
            assert "secret" not in asked.text
            assert path.name != "passwd" or "root:" not in asked.text
    both = {"filepath": [str(image), str(secret)]}
    assert app.get("/media", params=both).status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/media?filepath=/etc/passwd"),
        ("GET", "/fiftyone"),
        ("GET", "/"),
        ("POST", "/graphql"),
        ("POST", "/operators"),
        ("POST", "/operators/execute"),
        ("POST", "/events"),
    ],
)
def test_without_the_token_the_app_answers_nothing(
    app: httpx.Client, method: str, path: str
) -> None:
    assert httpx.request(method, app.base_url.join(path)).status_code == 401


def test_a_page_of_another_server_executes_no_operator(app: httpx.Client) -> None:
    for foreign in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        assert app.post("/operators/execute", headers=foreign, json={}).status_code == 403


def test_the_database_tells_nothing_without_the_password(mongodb: str) -> None:
    place = mongodb.rpartition("@")[2]
    with pymongo.MongoClient(f"mongodb://{place}") as client, pytest.raises(OperationFailure):
        client.list_database_names()
    assert stat.S_IMODE((local_folder("mongodb") / "password").stat().st_mode) == 0o600


@pytest.fixture
def own_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mongodb: str) -> Iterator[None]:
    """A folder for a database apart from the session's, which FiftyOne here goes on to use."""
    monkeypatch.setenv("SPYGLASS_LOCAL", str(tmp_path))
    for variable in ("FIFTYONE_DATABASE_URI", "SPYGLASS_DATABASE_URI"):
        monkeypatch.delenv(variable)
    yield
    database.stop_database()


def _start_without_password(port: int) -> ServerProcess:
    """As earlier versions of Spyglass started it."""
    records = local_folder("mongodb", "data")
    command = [database.find_mongod(), "--dbpath", records, "--port", str(port)]
    return start_server(
        "mongodb",
        local_folder("mongodb"),
        [*command, "--bind_ip", "127.0.0.1", "--nounixsocket"],
        port,
        is_ready=lambda: not port_is_free(port),
    )


@pytest.mark.usefixtures("own_database")
def test_a_database_from_before_there_were_passwords_gets_one_and_keeps_its_content() -> None:
    open_to_all = start_on_port(27152, _start_without_password)
    with pymongo.MongoClient(f"mongodb://127.0.0.1:{open_to_all.port}") as client:
        client.kept.tags.insert_one({"tag": "relabel"})

    uri = database.start_database()

    with pymongo.MongoClient(uri) as client:
        assert client.kept.tags.find_one()["tag"] == "relabel"
    anybody = f"mongodb://{uri.rpartition('@')[2]}"
    with pymongo.MongoClient(anybody) as client, pytest.raises(OperationFailure):
        client.kept.tags.find_one()


@pytest.mark.usefixtures("own_database")
def test_a_password_that_was_lost_is_explained(tmp_path: Path) -> None:
    database.start_database()
    database.stop_database()
    (tmp_path / "mongodb" / "password").unlink()
    with pytest.raises(database.ServerError, match=r"delete .*mongodb"):
        database.start_database()
    assert database.running_database() is None
