"""The service answers what the packed detector finds, in the form that a client asks for."""

from __future__ import annotations

import json
import os
import signal
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.fixtures.services import Service, served, wait_for
from tests.fixtures.spots import Cell, boxes_of, png, scattered_cells, spots, write_bundle

CELLS: list[Cell] = [(1, 1, "ship"), (12, 5, "buoy"), (6, 6, "ship"), (20, 20, "ship")]


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    return png(spots(304, 208, CELLS), tmp_path_factory.mktemp("image") / "a.png")


def found_in(answer) -> list[tuple[str, list[float]]]:
    return sorted((one["class"], one["box"]) for one in answer["objects"])


def test_an_image_as_the_body(service: Service, image) -> None:
    answer = service.predict(image)
    assert answer.status == 200
    assert answer.headers["x-model-version"] == "1"
    assert found_in(answer.json) == boxes_of(CELLS)
    told = {name: answer.json[name] for name in ("model", "version", "kind", "width", "height")}
    assert told == {
        "model": "spots",
        "version": "1",
        "kind": "detect",
        "width": 304,
        "height": 208,
    }


def form(*fields: tuple[str, bytes | str]) -> tuple[bytes, dict[str, str]]:
    """A form; bytes are files."""
    parts = []
    for name, value in fields:
        is_file = isinstance(value, bytes)
        filename = '; filename="../../a.png"' if is_file else ""
        head = f'--part\r\nContent-Disposition: form-data; name="{name}"{filename}\r\n\r\n'
        parts.append(head.encode() + (value if is_file else value.encode()) + b"\r\n")
    return b"".join(parts) + b"--part--\r\n", {"Content-Type": "multipart/form-data; boundary=part"}


def test_an_image_in_a_form_with_options(service: Service, image) -> None:
    body, headers = form(("classes", "buoy"), ("image", image.read_bytes()))
    answer = service.ask("POST", "/predict", body, headers)
    assert found_in(answer.json) == boxes_of([CELLS[1]])


def test_options_in_the_address(service: Service, image) -> None:
    assert found_in(service.predict(image, "?classes=ship,buoy").json) == boxes_of(CELLS)
    faint = spots(64, 64, [])
    faint[8:16, 8:16] = 110
    content = BytesIO()
    Image.fromarray(faint).save(content, "PNG")
    assert service.predict(content.getvalue()).json["objects"] == []
    (one,) = service.predict(content.getvalue(), "?confidence=0.4").json["objects"]
    assert one["score"] == pytest.approx(110 / 255)


def test_windows_of_another_size(service: Service) -> None:
    """Windows of 128 pixels show objects half as large: a cell is 16 pixels wide then."""
    large = spots(64, 64, [(1, 1, "ship")]).repeat(2, 0).repeat(2, 1)
    content = BytesIO()
    Image.fromarray(large).save(content, "PNG")
    (one,) = service.predict(content.getvalue(), "?tile_size=128").json["objects"]
    assert one["box"] == [18.0, 18.0, 30.0, 30.0]


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("jpg", {"quality": 95}),
        ("webp", {"lossless": True}),
        ("tif", {"compression": "tiff_deflate"}),
        ("gif", {}),
        ("bmp", {}),
        ("ppm", {}),
        ("jp2", {}),
    ],
)
def test_every_format_that_the_pipelines_read(service: Service, tmp_path, suffix, options) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(spots(304, 208, CELLS)).save(path, **options)
    answer = service.predict(path, content_type="application/octet-stream")
    assert answer.status == 200, answer.body
    assert found_in(answer.json) == boxes_of(CELLS)


def test_deep_and_cmyk_images_are_read(service: Service, tmp_path) -> None:
    deep = (spots(64, 64, [(3, 3, "ship")])[..., 0].astype(np.uint16)) * 257
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert service.predict(tmp_path / "deep.png").status == 200
    ink = Image.fromarray(spots(64, 64, [(3, 3, "ship")])).convert("CMYK")
    ink.save(tmp_path / "ink.jpg", quality=95)
    assert len(service.predict(tmp_path / "ink.jpg").json["objects"]) == 1


def test_an_image_larger_than_a_window_is_cut_and_merged(service: Service, tmp_path) -> None:
    cells = scattered_cells(976, 688, 150)
    answer = service.predict(png(spots(976, 688, cells), tmp_path / "large.png"))
    assert found_in(answer.json) == boxes_of(cells)


def test_coco(service: Service, image) -> None:
    answer = service.predict(image, accept="application/vnd.coco+json")
    assert answer.headers["content-type"] == "application/vnd.coco+json"
    content = answer.json
    assert content["images"] == [{"id": 1, "file_name": "image", "width": 304, "height": 208}]
    names = {one["id"]: one["name"] for one in content["categories"]}
    boxes = [
        (names[one["category_id"]], [*one["bbox"][:2], *np.add(one["bbox"][:2], one["bbox"][2:])])
        for one in content["annotations"]
    ]
    assert sorted(boxes) == boxes_of(CELLS)


def test_geojson_of_a_georeferenced_image(service: Service, tmp_path) -> None:
    import rasterio
    from rasterio.transform import from_origin

    path = tmp_path / "a.tif"
    place = from_origin(12.0, 45.0, 0.001, 0.001)
    pixels = spots(128, 64, [(1, 2, "ship")]).transpose(2, 0, 1)
    settings = {"width": 128, "height": 64, "count": 3, "dtype": "uint8", "crs": "EPSG:4326"}
    with rasterio.open(path, "w", driver="GTiff", transform=place, **settings) as raster:
        raster.write(pixels)
    answer = service.predict(path, accept="application/geo+json, application/json;q=0.5")
    assert answer.headers["content-type"] == "application/geo+json"
    (feature,) = answer.json["features"]
    assert feature["properties"]["label"] == "ship"
    (ring,) = feature["geometry"]["coordinates"]
    assert [12.009, 44.983] in ring


def test_geojson_of_an_image_without_a_place_is_refused(service: Service, image) -> None:
    answer = service.predict(image, accept="application/geo+json")
    assert (answer.status, "not georeferenced" in answer.json["error"]) == (422, True)


def test_an_overlay_shows_the_objects(service: Service, image) -> None:
    answer = service.predict(image, accept="image/png")
    assert answer.headers["content-type"] == "image/png"
    picture = np.asarray(Image.open(BytesIO(answer.body)))
    assert picture.shape == (208, 304, 3)
    changed = (picture != spots(304, 208, CELLS)).any(axis=2)
    assert changed[9, 9:15].all()
    assert not changed[100:, 250:].any()


def test_a_batch_answers_for_each_image(service: Service, image) -> None:
    body, headers = form(("image", image.read_bytes()), ("image", b"text"), ("classes", "ship"))
    answer = service.ask("POST", "/predict/batch", body, headers)
    first, second = answer.json["results"]
    assert found_in(first) == boxes_of([cell for cell in CELLS if cell[2] == "ship"])
    assert second["status"] == 415


def test_the_test_image_and_its_result(service: Service, spots_bundle) -> None:
    told = service.get("/test").json
    assert told["objects"] == told["expected"]["objects"]
    picture = service.get(told["image"])
    assert picture.body == spots_bundle().test_image.read_bytes()


def test_the_model(service: Service, spots_bundle) -> None:
    told = service.get("/model").json
    assert (told["model"], told["version"], told["kind"]) == ("spots", "1", "detect")
    assert told["class_names"] == ["ship", "buoy"]
    assert told["digest"] == spots_bundle().digest


def test_health_pages_need_no_token_and_tell_the_version(service: Service) -> None:
    assert service.get("/livez").status == 200
    assert service.get("/readyz").json["version"] == "1"
    assert service.get("/healthz").status == 200


def test_answers_without_a_prediction_name_the_version_too(service: Service) -> None:
    answers = [
        service.get("/readyz"),
        service.get("/metrics"),
        service.predict(b"no image"),
    ]
    assert [answer.headers["x-model-version"] for answer in answers] == ["1"] * 3


def test_metrics_have_few_labels(service: Service, image) -> None:
    service.predict(image)
    service.get("/no/such/page/1")
    page = service.get("/metrics").body.decode()
    assert 'spyglass_requests_total{method="POST",route="/predict",status="200"}' in page
    assert 'spyglass_bundle{model="spots",version="1"} 1.0' in page
    assert "no/such" not in page


def test_numbers_are_those_of_the_pipeline(service: Service, spots_bundle, tmp_path) -> None:
    """The service and `--inference` read and predict with the same code."""
    from utils.serving.objects import objects_of
    from utils.serving.prediction import network_of, predict_image

    random = np.random.default_rng(3)
    pixels = random.integers(0, 256, (333, 777, 3), dtype=np.uint8)
    pixels[64:160] = 255
    bundle = spots_bundle()
    expected = objects_of(predict_image(network_of(bundle), pixels, bundle.settings))
    assert len(expected) > 100
    assert service.predict(png(pixels, tmp_path / "a.png")).json["objects"] == expected


def test_a_switch_of_the_bundle_and_back(spots_bundle, tmp_path, image) -> None:
    with served(spots_bundle().folder, tmp_path / "state") as service:
        before = service.children
        answer = service.deploy(spots_bundle("2").folder)
        assert (answer.status, answer.json["version"]) == (200, "2")
        assert found_in(service.predict(image).json) == boxes_of(CELLS, "2")
        wait_for(lambda: not set(before) & set(service.children))
        service.deploy(spots_bundle("1").folder)
        assert found_in(service.predict(image).json) == boxes_of(CELLS)
        workers = service.children
        service.stop()
        wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers))


def test_a_bundle_that_proves_itself_wrong_is_not_deployed(service, tmp_path, image) -> None:
    bad = write_bundle(tmp_path / "bad", "2").folder
    expected = json.loads((bad / "test" / "expected.json").read_text())
    expected["objects"].pop()
    (bad / "test" / "expected.json").write_text(json.dumps(expected))
    answer = service.deploy(bad)
    assert answer.status == 422
    assert "test/expected.json was changed" in answer.json["error"]
    assert str(tmp_path) not in answer.json["error"]
    assert service.predict(image).json["version"] == "1"


def test_a_worker_that_dies_has_a_successor(spots_bundle, tmp_path, image) -> None:

    with served(spots_bundle().folder, tmp_path / "state") as service:
        (worker,) = service.children
        os.kill(worker, signal.SIGKILL)
        assert found_in(service.predict(image).json) == boxes_of(CELLS)
        (successor,) = service.children
        assert successor != worker
        assert "spyglass_worker_restarts 1.0" in service.get("/metrics").body.decode()


def test_every_page_is_described_and_needs_nothing_from_elsewhere(service: Service) -> None:
    api = service.get("/openapi.json").json
    assert api["openapi"].startswith("3.1")
    assert {"/predict", "/scenes/{scene}/objects", "/metrics"} <= api["paths"].keys()
    for path, operations in api["paths"].items():
        for method in operations.keys() - {"parameters"}:
            asked = service.ask(method.upper(), path.replace("{scene}", "x"))
            assert asked.status not in (405, 500), path
            assert asked.status != 404 or "There is no such page" not in asked.body.decode(), path
    page = service.get("/")
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    text = page.body.decode()
    assert "/predict/batch" in text
    assert "://" not in text
    assert "<script" not in text
