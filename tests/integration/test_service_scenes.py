"""Scenes are predicted in the background; their results stream, and survive any kill."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.transform import from_origin

from tests.fixtures.services import Answer, Service, served, wait_for
from tests.fixtures.spots import boxes_of, png, scattered_cells, spots, write_bundle

SIDE = 16 + 48 * 20
CELLS = scattered_cells(SIDE, SIDE, 400)


@pytest.fixture(scope="module")
def image(tmp_path_factory) -> Path:
    return png(spots(SIDE, SIDE, CELLS), tmp_path_factory.mktemp("scene") / "scene.png")


def post(service: Service, image: Path, query: str = "", **headers: str) -> Answer:
    kind = {"Content-Type": "application/octet-stream"}
    return service.ask("POST", f"/scenes{query}", image.read_bytes(), {**kind, **headers})


def state_of(service: Service, job: str) -> dict:
    return service.get(f"/scenes/{job}").json


def ended(service: Service, job: str) -> dict:
    """The job once it is over."""
    final = ("done", "failed", "cancelled")
    return wait_for(lambda: (told := state_of(service, job))["state"] in final and told)


def objects_of(service: Service, job: str) -> list[dict]:
    return [json.loads(line) for line in service.get(f"/scenes/{job}/objects").body.splitlines()]


def places(objects) -> list[tuple[str, list[float]]]:
    return sorted((one["class"], one["box"]) for one in objects)


def test_an_upload_is_predicted_and_its_objects_stream(service, image) -> None:
    answer = post(service, image)
    assert answer.status == 202
    job = answer.json["id"]
    assert answer.headers["location"] == f"/scenes/{job}"
    assert places(objects_of(service, job)) == boxes_of(CELLS)
    told = ended(service, job)
    assert (told["state"], told["objects"]) == ("done", len(CELLS))
    assert (told["windows"], told["windows_done"]) == (400, 400)
    assert not (service.state / "scenes" / job / "upload.image").exists()


def test_a_scene_finds_what_predict_finds(service, tmp_path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (555, 999, 3), dtype=np.uint8)
    noise[100:300, 200:700] = 255
    path = png(noise, tmp_path / "noise.png")
    expected = service.predict(path).json["objects"]
    assert len(expected) > 200
    job = post(service, path).json["id"]
    found = objects_of(service, job)
    assert sorted(map(json.dumps, found)) == sorted(map(json.dumps, expected))


@pytest.mark.slow
def test_options_of_a_scene(service, image) -> None:
    job = post(service, image, "?classes=buoy").json["id"]
    assert places(objects_of(service, job)) == boxes_of([c for c in CELLS if c[2] == "buoy"])
    skipped = service.get(f"/scenes/{job}/objects?skip=10").body.splitlines()
    assert skipped == service.get(f"/scenes/{job}/objects").body.splitlines()[10:]


def geotiff(path: Path, **settings) -> Path:
    pixels = spots(SIDE, SIDE, CELLS).transpose(2, 0, 1)
    place = from_origin(12.0, 45.0, 0.0001, 0.0001)
    options = {"width": SIDE, "height": SIDE, "count": 3, "dtype": "uint8", "crs": "EPSG:4326"}
    layout = {"tiled": True, "blockxsize": 256, "blockysize": 256}
    with rasterio.open(
        path, "w", driver="GTiff", transform=place, **options, **layout, **settings
    ) as raster:
        raster.write(pixels)
    return path


def test_places_on_earth_as_a_sequence_of_features(service, tmp_path) -> None:
    job = post(service, geotiff(tmp_path / "scene.tif")).json["id"]
    answer = service.get(f"/scenes/{job}/objects", accept="application/geo+json-seq")
    assert answer.headers["content-type"] == "application/geo+json-seq"
    records = answer.body.split(b"\x1e")[1:]
    features = [json.loads(record) for record in records]
    found = [(f["properties"]["label"], f["properties"]["pixel_box"]) for f in features]
    assert sorted(found) == boxes_of(CELLS)
    assert state_of(service, job)["georeferenced"] is True


@pytest.mark.slow
def test_a_sequence_of_a_scene_without_a_place_is_refused(service, image) -> None:
    job = post(service, image).json["id"]
    answer = service.get(f"/scenes/{job}/objects", accept="application/geo+json-seq")
    assert (answer.status, "not georeferenced" in answer.json["error"]) == (422, True)


@pytest.mark.slow
def test_areas_without_data_are_passed_over_and_their_edges_marked(service, tmp_path) -> None:
    path = tmp_path / "holes.tif"
    pixels = spots(304, 208, [(2, 2, "ship"), (20, 2, "ship")])[..., 1]
    pixels[:, 168:] = 0
    with rasterio.open(
        path, "w", driver="GTiff", width=304, height=208, count=1, dtype="uint8", nodata=0
    ) as raster:
        raster.write(pixels[None])
    content = path.read_bytes()
    in_image = service.predict(content, content_type="image/tiff").json["objects"]
    job = post(service, path).json["id"]
    found = objects_of(service, job)
    assert {one["box"][0] for one in found if one.get("at_edge")} == {161.0}
    assert {one["box"][0] for one in found if not one.get("at_edge")} == {17.0}
    assert sorted(map(json.dumps, found)) == sorted(map(json.dumps, in_image))


# --- addresses -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def allowed(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("allowed")


@pytest.fixture(scope="module")
def with_folder(spots_bundle, allowed, tmp_path_factory) -> Iterator[Service]:
    state = tmp_path_factory.mktemp("service") / "state"
    with served(spots_bundle().folder, state, "--allow", str(allowed)) as service:
        yield service


def post_address(service: Service, address: object) -> Answer:
    body = json.dumps({"address": address, "classes": ["ship"]})
    return service.ask("POST", "/scenes", body, {"Content-Type": "application/json"})


def test_a_file_in_an_allowed_folder(with_folder, allowed) -> None:
    path = geotiff(allowed / "scene.tif")
    answer = post_address(with_folder, str(path))
    assert answer.status == 202
    found = places(objects_of(with_folder, answer.json["id"]))
    assert found == boxes_of([c for c in CELLS if c[2] == "ship"])
    assert path.is_file()


def test_no_other_address(with_folder, allowed, tmp_path) -> None:
    outside = png(spots(64, 64, []), tmp_path / "outside.png")
    (allowed / "link.png").symlink_to(outside)
    (allowed / "folder").mkdir()
    refused = {
        str(outside): 403,
        str(allowed / "link.png"): 403,
        f"{allowed}/../{outside.parent.name}/outside.png": 403,
        "/etc/passwd": 403,
        "/proc/self/environ": 403,
        "scene.tif": 403,
        "http://127.0.0.1:80/scene.tif": 403,
        "http://169.254.169.254/latest/meta-data": 403,
        "https://example.org/scene.tif": 403,
        "file:///etc/passwd": 403,
        "/vsicurl/http://127.0.0.1/scene.tif": 403,
        "gs://bucket/scene.tif": 403,
        str(allowed / "none.tif"): 404,
        str(allowed / "folder"): 422,
        str(allowed / "a\0b"): 404,
        f"{allowed}/{'x' * 5000}": 404,
    }
    for address, status in refused.items():
        answer = post_address(with_folder, address)
        assert (address, answer.status) == (address, status)
        assert str(allowed) not in answer.json["error"]
    for address in (None, 7, "", ["/a"]):
        assert post_address(with_folder, address).status == 400


def test_an_object_in_an_allowed_bucket(spots_bundle, tmp_path, gcs_bucket, gcs_emulator) -> None:
    from google.cloud.storage import Client

    name = gcs_bucket.removeprefix("gs://").split("/")[0]
    blob = Client(project="test").bucket(name).blob("coast/a scene.tif")
    blob.upload_from_filename(str(geotiff(tmp_path / "scene.tif")))
    with served(spots_bundle().folder, tmp_path / "s", "--allow", f"gs://{name}/coast") as service:
        answer = post_address(service, f"gs://{name}/coast/a scene.tif")
        found = places(objects_of(service, answer.json["id"]))
        assert found == boxes_of([c for c in CELLS if c[2] == "ship"])
        assert not (service.state / "scenes" / answer.json["id"] / "upload.image").exists()
        for address in (f"gs://{name}/b.tif", f"gs://{name}/coastal/b.tif", f"gs://{name}"):
            assert post_address(service, address).status == 403
        missing = post_address(service, f"gs://{name}/coast/none.tif").json["id"]
        told = ended(service, missing)
        assert (told["state"], "status 404" in told["error"]) == ("failed", True)


# --- kills ---------------------------------------------------------------------------------------


def first_line(service: Service, job: str) -> None:
    """Wait for the first object in the stream."""
    connection = HTTPConnection("127.0.0.1", service.port, timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", f"/scenes/{job}/objects")
        assert connection.getresponse().readline()


@pytest.fixture(scope="module")
def large(tmp_path_factory) -> tuple[Path, list]:
    side = 16 + 48 * 60
    cells = scattered_cells(side, side, 3000)
    path = tmp_path_factory.mktemp("large") / "large.png"
    return png(spots(side, side, cells), path), cells


def test_killed_anywhere_it_comes_to_the_same_result(spots_bundle, tmp_path, large) -> None:
    """SIGKILL of the front and of the scene's worker, in the middle of their work."""
    bundle, state = spots_bundle().folder, tmp_path / "state"
    path, cells = large
    with served(bundle, state) as service:
        job = post(service, path).json["id"]
        first_line(service, job)
        (worker,) = service.children_running("scene_worker")
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda: worker not in service.children)
        assert state_of(service, job)["state"] == "running"
        done = state_of(service, job)["windows_done"]
        orphans = service.children
        service.kill()
    for orphan in orphans:  # a worker of a front that is gone must not write beside the next
        wait_for(lambda pid=orphan: not is_alive(pid))
    with served(bundle, state) as service:
        assert places(objects_of(service, job)) == boxes_of(cells)
        told = ended(service, job)
        assert (told["state"], told["objects"]) == ("done", len(cells))
        assert 0 < done < told["windows"]


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_killed_at_random_moments_it_comes_to_the_same_result(spots_bundle, tmp_path, large):
    chance = random.Random(7)  # noqa: S311
    path, cells = large
    with served(spots_bundle().folder, tmp_path / "state") as service:
        job = post(service, path).json["id"]
        for _ in range(6):
            target = chance.uniform(0, 0.9)
            wait_for(
                lambda share=target: state_of(service, job).get("windows_done", 0) >= share * 3600
            )
            for worker in service.children_running("scene_worker"):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
        assert places(objects_of(service, job)) == boxes_of(cells)


def test_a_stream_of_a_service_that_stops_is_broken_off(spots_bundle, tmp_path, large) -> None:
    with served(spots_bundle().folder, tmp_path / "state") as service:
        job = post(service, large[0]).json["id"]
        first_line(service, job)
        connection = HTTPConnection("127.0.0.1", service.port, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", f"/scenes/{job}/objects")
            response = connection.getresponse()
            service.stop()
            with pytest.raises(HTTPException):
                response.read()


@pytest.mark.slow
def test_a_bundle_deployed_meanwhile_does_not_change_a_running_scene(
    spots_bundle, tmp_path, large
) -> None:
    path, cells = large
    with served(spots_bundle().folder, tmp_path / "state") as service:
        job = post(service, path).json["id"]
        first_line(service, job)
        assert service.deploy(spots_bundle("2").folder).status == 200
        assert places(objects_of(service, job)) == boxes_of(cells, "1")
        assert state_of(service, job)["version"] == "1"
        later = post(service, path).json["id"]
        assert places(objects_of(service, later)) == boxes_of(cells, "2")


# --- queue, cancel, limits -----------------------------------------------------------------------


@pytest.mark.slow
def test_the_queue_has_an_end_and_jobs_can_be_cancelled(spots_bundle, tmp_path, large) -> None:
    options = ("--scenes-waiting", "2", "--kept-scenes", "3")
    with served(spots_bundle().folder, tmp_path / "state", *options) as service:
        first, second = (post(service, large[0]).json["id"] for _ in range(2))
        answer = post(service, large[0])
        assert (answer.status, int(answer.headers["retry-after"]) > 0) == (429, True)
        assert state_of(service, second)["before"] == 1
        wait_for(lambda: state_of(service, first).get("objects"))
        cancelled = service.ask("POST", f"/scenes/{first}/cancel")
        assert cancelled.json["state"] == "cancelled"
        wait_for(lambda: state_of(service, second)["state"] == "running")
        assert service.ask("DELETE", f"/scenes/{second}").status == 200
        assert service.get(f"/scenes/{second}").status == 404
        assert not (service.state / "scenes" / second).exists()
        assert service.ask("POST", f"/scenes/{first}/cancel").status == 409
        for _ in range(4):
            last = post(service, png(spots(64, 64, []), tmp_path / "small.png")).json["id"]
            assert ended(service, last)["state"] == "done"
        assert service.get(f"/scenes/{first}").status == 404
        assert len(service.get("/scenes").json["scenes"]) == 3


@pytest.mark.slow
def test_a_scene_may_take_only_so_long(spots_bundle, tmp_path, large) -> None:
    with served(spots_bundle().folder, tmp_path / "s", "--scene-seconds", "0.7") as service:
        told = ended(service, post(service, large[0]).json["id"])
        assert (told["state"], "longer than 0.7 s" in told["error"]) == ("failed", True)


def test_a_scene_that_does_not_decode_fails_with_a_sentence(service, image, tmp_path) -> None:
    cut = tmp_path / "cut.png"
    cut.write_bytes(image.read_bytes()[: image.stat().st_size // 2])
    job = post(service, cut).json["id"]
    told = ended(service, job)
    assert told["state"] == "failed"
    assert told["error"].startswith("The file does not decode")
    assert str(service.state) not in told["error"]
    connection = HTTPConnection("127.0.0.1", service.port, timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", f"/scenes/{job}/objects")
        with pytest.raises(HTTPException):
            connection.getresponse().read()


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"options": ("--disk-bytes", "20000")}, id="a limit of the service"),
        pytest.param({"fsize": 20_000}, id="a limit of the system"),
    ],
)
def test_a_full_disk_is_told(spots_bundle, tmp_path, large, options) -> None:
    import resource

    def limited() -> None:
        size = options["fsize"]
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    limit = {"preexec_fn": limited} if "fsize" in options else {}
    flags = options.get("options", ())
    with served(spots_bundle().folder, tmp_path / "state", *flags, **limit) as service:
        answer = post(service, large[0])
        assert (answer.status, "disk" in answer.json["error"]) == (507, True)
        assert list((service.state / "incoming").iterdir()) == []
        assert list((service.state / "scenes").iterdir()) == []
        assert service.predict(png(spots(64, 64, [(1, 1, "ship")]), tmp_path / "a.png")).json[
            "objects"
        ]


@pytest.mark.slow
def test_a_disk_that_fills_while_a_scene_is_predicted(spots_bundle, tmp_path) -> None:
    import resource

    side = 16 + 48 * 30
    cells = scattered_cells(side, side, 3000)
    path = png(spots(side, side, cells), tmp_path / "many.png")
    size = path.stat().st_size + 1000

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    with served(spots_bundle().folder, tmp_path / "state", preexec_fn=limited) as service:
        told = ended(service, post(service, path).json["id"])
        assert (told["state"], "disk" in told["error"]) == ("failed", True)
        assert service.predict(png(spots(64, 64, []), tmp_path / "a.png")).status == 200


def test_a_bundle_that_was_changed_fails_the_scene_and_not_the_service(tmp_path, large) -> None:
    folder = write_bundle(tmp_path / "bundle").folder
    with served(folder, tmp_path / "state") as service:
        (folder / "network.onnx").write_bytes(b"tampered")
        told = ended(service, post(service, large[0]).json["id"])
        assert (told["state"], "network.onnx was changed" in told["error"]) == ("failed", True)
        assert service.get("/livez").status == 200
