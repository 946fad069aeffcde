"""The client finds what the service finds, and bears with a service that is busy or restarts."""

from __future__ import annotations

import threading

import pytest

from tests.fixtures.services import Service, served, wait_for
from tests.fixtures.spots import boxes_of, png, scattered_cells, spots
from utils.serving import Client, ServiceError

SIDE = 16 + 48 * 60
CELLS = scattered_cells(SIDE, SIDE, 2000)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    return png(spots(SIDE, SIDE, CELLS), tmp_path_factory.mktemp("client") / "scene.png")


def places(objects):
    return sorted((one["class"], one["box"]) for one in objects)


def test_it_predicts_files_and_bytes(service: Service, tmp_path) -> None:
    path = png(spots(64, 64, [(1, 1, "ship"), (4, 4, "buoy")]), tmp_path / "a.png")
    client = Client(service.url)
    for image in (path, str(path), path.read_bytes()):
        assert len(client.predict(image)["objects"]) == 2
    (one,) = client.predict(path, classes=["buoy"], confidence=0.9, tile_size=64)["objects"]
    assert one["class"] == "buoy"
    assert client.model()["version"] == "1"


def test_it_streams_a_scene(service: Service, scene) -> None:
    client = Client(service.url)
    name = client.scene(scene)
    assert places(client.stream(name)) == boxes_of(CELLS)
    assert client.state(name)["state"] == "done"


def test_a_refusal_is_an_error_with_the_sentence(service: Service) -> None:
    with pytest.raises(ServiceError, match="not an image") as refused:
        Client(service.url).predict(b"text")
    assert refused.value.status == 415
    with pytest.raises(ServiceError, match="no such scene"):
        list(Client(service.url).stream("none"))
    with pytest.raises(ServiceError, match="not allowed"):
        Client(service.url).scene(address="/etc/passwd")
    with pytest.raises(ValueError, match="no address"):
        Client("127.0.0.1:8080")


def test_a_cancelled_scene_ends_the_stream_with_an_error(service: Service, scene) -> None:
    client = Client(service.url)
    name = client.scene(scene)
    stream = client.stream(name)
    next(stream)
    client.cancel(name)
    with pytest.raises(ServiceError, match="cancelled"):
        list(stream)


@pytest.mark.slow
def test_a_stream_goes_on_after_the_service_was_killed(spots_bundle, tmp_path, scene) -> None:
    bundle, state = spots_bundle().folder, tmp_path / "state"
    with served(bundle, state) as first:
        client = Client(first.url, attempts=12)
        stream = client.stream(client.scene(scene))
        found = [next(stream)]
        reader = threading.Thread(target=lambda: found.extend(stream))
        reader.start()
        first.kill()
        with served(bundle, state, port=first.port):
            reader.join(60)
        assert places(found) == boxes_of(CELLS)


def test_a_token_is_shown(spots_bundle, tmp_path) -> None:
    state = tmp_path / "state"
    with served(spots_bundle().folder, state, "--host", "0.0.0.0") as service:  # noqa: S104
        with pytest.raises(ServiceError, match="token"):
            Client(service.url).model()
        token = (state / "access.token").read_text()
        assert Client(service.url, token).model()["model"] == "spots"


@pytest.mark.slow
def test_a_busy_service_is_asked_again(spots_bundle, tmp_path) -> None:
    content = png(spots(304, 208, [(1, 1, "ship")]), tmp_path / "a.png").read_bytes()
    with served(spots_bundle().folder, tmp_path / "state", "--waiting", "1") as service:
        answers: list[int] = []

        def ask() -> None:
            for _ in range(10):
                answers.append(len(Client(service.url).predict(content)["objects"]))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [1] * 40
        wait_for(
            lambda: "spyglass_predictions_in_hand 0.0" in service.get("/metrics").body.decode()
        )
