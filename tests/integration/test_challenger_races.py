"""A challenger whose answers come late: after its end, after its limit, or never.

Workers wait at a gate before each prediction: a named pipe, which lets them through while the test
holds it open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.fixtures.services import Answer, Service, served, wait_for
from tests.fixtures.spots import SpotsBundle, write_bundle
from utils.serving.bundle import Bundle

LIMITS = {"requests": 4, "errors": 3, "error_share": 0.02, "slowdown": 1e9, "drift": 0.5}
BLIND = "question['options']['classes'] = ['buoy']; "
ODD = "__import__('os').path.getsize(question['file']) % 2"


@pytest.fixture(scope="module")
def service(
    spots_bundle: SpotsBundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    with served(spots_bundle().folder, tmp_path_factory.mktemp("raced") / "state") as found:
        yield found


@pytest.fixture(autouse=True)
def _alone(request: pytest.FixtureRequest) -> Iterator[None]:
    """End the challenge of a test."""
    yield
    if "service" in request.fixturenames:
        request.getfixturevalue("service").challenge(None)


@pytest.fixture(scope="module")
def image(spots_bundle: SpotsBundle) -> bytes:
    return spots_bundle().test_image.read_bytes()


def sized(image: bytes, *, odd: bool) -> bytes:
    """The image with a size that is odd or even; PNG readers pass over what follows."""
    return image if len(image) % 2 == odd else image + b"\0"


def in_hand(service: Service, count: int) -> Callable[[], bool]:
    line = f"spyglass_predictions_in_hand {count}.0\n".encode()
    return lambda: line in service.get("/metrics").body


def answered(service: Service, side: str) -> int:
    return int(service.challenger["figures"][side]["answers"])


def test_a_challenge_that_was_ended_does_not_come_back_with_a_late_answer(
    service, image, tmp_path, gate
):
    late = write_bundle(tmp_path / "late", "9", gate.statement)
    service.challenge(late.folder, canary=1 / 2, full_after=1, limits=LIMITS)
    service.predict(image)
    with ThreadPoolExecutor(2) as pool:
        asked = pool.submit(service.predict, image)
        wait_for(in_hand(service, 1))
        ended = pool.submit(service.challenge, None)
        wait_for(lambda: service.challenger is None)
        with gate.opened():
            assert asked.result().headers["x-model-version"] == "9"
            assert ended.result().json["ended"]["version"] == "9"
    assert service.challenger is None
    assert not (service.state / "challenge.json").exists()


def test_a_challenger_that_was_withdrawn_does_not_come_back_with_a_late_answer(
    service, image, tmp_path, gate
):
    blind = write_bundle(tmp_path / "blind", "9", BLIND + gate.statement)
    service.challenge(blind.folder, canary=0.5, full_after=5, limits=LIMITS)
    with gate.opened():
        for _ in range(7):
            service.predict(image)
    assert (answered(service, "champion"), answered(service, "canary")) == (4, 3)
    with ThreadPoolExecutor(3) as pool:
        asked = [pool.submit(service.predict, image) for _ in range(3)]
        wait_for(in_hand(service, 2))
        wait_for(lambda: answered(service, "champion") == 5)
        with gate.opened():
            assert {one.result().status for one in asked} == {200}
    told = service.challenger
    assert (told["phase"], told["reason"][:37]) == (
        "withdrawn",
        "its number of objects per image drifts"[:37],
    )


def test_a_changed_limit_of_time_holds_from_the_next_answer_on(service, image, tmp_path, gate):
    stuck = write_bundle(tmp_path / "stuck", "9", gate.statement)
    service.challenge(stuck.folder, canary=0.99, limits={**LIMITS, "seconds": 200})
    told = service.challenge(stuck.folder, canary=0.99, limits={**LIMITS, "seconds": 0.2})
    assert told.json["limits"]["seconds"] == 0.2
    versions = [service.predict(image).headers["x-model-version"] for _ in range(2)]
    assert versions == ["1", "1"]
    assert service.challenger["figures"]["canary"]["errors"] == 1


def test_an_image_that_ends_the_workers_of_both_is_no_error_of_the_canary(
    image, tmp_path, spots_bundle
):
    fault = f"{ODD} and __import__('os')._exit(9)"
    champion, other = (write_bundle(tmp_path / name, name, fault) for name in ("1", "2"))
    with served(champion.folder, tmp_path / "state") as service:
        service.challenge(other.folder, canary=1, limits={**LIMITS, "errors": 1})
        assert service.predict(sized(image, odd=True)).status == 503
        assert service.challenger["phase"] == "full"
        assert service.challenger["figures"]["canary"]["errors"] == 0


def batch(service: Service, images: list[bytes]) -> list[dict[str, Any]]:
    part = (
        b'--b\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n\r\n"
    )
    body = b"".join(part + image + b"\r\n" for image in images) + b"--b--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    answer: Answer = service.ask("POST", "/predict/batch", body, kind)
    assert answer.status == 200
    results: list[dict[str, Any]] = answer.json["results"]
    return results


def test_a_large_batch_waits_for_the_challenger_and_is_answered_by_it_alone(
    service, image, spots_bundle
):
    second: Bundle = spots_bundle("2")
    service.challenge(second.folder, canary=1, limits=LIMITS)
    assert [one["version"] for one in batch(service, [image] * 12)] == ["2"] * 12
    figures = service.challenger["figures"]
    assert (figures["canary"]["answers"], figures["left_out"]) == (12, 0)


def test_a_batch_is_the_champions_where_the_challenger_fails_over_one_image(
    service, image, tmp_path
):
    faulty = write_bundle(tmp_path / "faulty", "9", f"assert not {ODD}")
    service.challenge(faulty.folder, canary=1, limits=LIMITS)
    images = [sized(image, odd=number == 3) for number in range(6)]
    assert [one["version"] for one in batch(service, images)] == ["1"] * 6
    assert service.challenger["figures"]["canary"]["errors"] == 1
