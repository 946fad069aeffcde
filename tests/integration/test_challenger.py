"""A challenger beside the champion: shares, comparison, faults, restarts."""

from __future__ import annotations

import hashlib
import json
import os
import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fixtures.services import Service, served, wait_for
from tests.fixtures.spots import SpotsBundle, write_bundle
from utils.monitoring.tables import read_notes
from utils.serving.bundle import Bundle

LIMITS = {"requests": 8, "errors": 3, "error_share": 0.02, "slowdown": 50, "drift": 0.5}


@pytest.fixture(scope="module")
def service(
    spots_bundle: SpotsBundle, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    with served(spots_bundle().folder, tmp_path_factory.mktemp("challenged") / "state") as found:
        yield found


@pytest.fixture(autouse=True)
def _alone(request: pytest.FixtureRequest) -> Iterator[None]:
    """End the challenge of a test."""
    yield
    if "service" in request.fixturenames:
        request.getfixturevalue("service").challenge(None)


@pytest.fixture(scope="module")
def second(spots_bundle: SpotsBundle) -> Bundle:
    return spots_bundle("2")


@pytest.fixture(scope="module")
def image(spots_bundle: SpotsBundle) -> bytes:
    return spots_bundle().test_image.read_bytes()


def versions(service: Service, image: bytes, count: int) -> list[str]:
    answers = [service.predict(image) for _ in range(count)]
    assert {answer.status for answer in answers} == {200}
    told = [answer.headers["x-model-version"] for answer in answers]
    assert told == [answer.json["version"] for answer in answers]
    return told


def without_time(body: bytes) -> bytes:
    content = json.loads(body)
    del content["milliseconds"]
    return json.dumps(content).encode()


def test_a_canary_answers_its_share_exactly_and_says_so(service, second, image):
    assert service.challenge(second.folder, canary=0.25, limits=LIMITS).status == 200
    assert Counter(versions(service, image, 12)) == {"1": 9, "2": 3}
    told = service.challenger
    assert (told["version"], told["phase"], told["canary"]) == ("2", "running", 0.25)
    assert told["figures"]["canary"]["answers"] == 3
    metrics = service.get("/metrics").body.decode()
    assert 'spyglass_challenger{phase="running",version="2"} 1.0' in metrics
    assert 'spyglass_challenger_requests_total{outcome="answered",part="canary"}' in metrics


def test_a_shadow_predicts_its_share_and_changes_no_byte_of_an_answer(service, second, image):
    alone = without_time(service.predict(image).body)
    service.challenge(second.folder, shadow=0.5, limits=LIMITS)
    answers = [service.predict(image) for _ in range(8)]
    assert {without_time(answer.body) for answer in answers} == {alone}
    assert {answer.headers["x-model-version"] for answer in answers} == {"1"}
    wait_for(lambda: service.challenger["figures"]["shadow"]["answers"] == 4)
    wait_for(lambda: not list((service.state / "shadow").iterdir()))


def test_answers_and_shadows_are_noted_with_their_role_and_the_same_image(service, second, image):
    content = image + os.urandom(8)  # PNG readers pass over what follows
    name = hashlib.sha256(content).hexdigest()

    def roles() -> list[tuple[str, str]]:
        notes = read_notes([service.state / "notes"])
        return sorted({(note.role, note.version) for note in notes if note.image == name})

    service.challenge(second.folder, canary=0.5, shadow=1, limits=LIMITS)
    for _ in range(2):
        service.predict(content)
    wait_for(lambda: len(roles()) == 3)
    assert roles() == [("challenger", "2"), ("champion", "1"), ("shadow", "2")]


def test_a_batch_is_answered_by_one_version(service, second, image):
    service.challenge(second.folder, canary=0.5, limits=LIMITS)
    boundary = "b"
    part = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n'
        "Content-Type: image/png\r\n\r\n"
    ).encode()
    body = b"".join(part + image + b"\r\n" for _ in range(3)) + f"--{boundary}--\r\n".encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    told = [
        {one["version"] for one in answer.json["results"]}
        for answer in (service.ask("POST", "/predict/batch", body, kind) for _ in range(2))
    ]
    assert sorted(told, key=str) == [{"1"}, {"2"}]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param("raise RuntimeError('broken')", "it failed in 3 requests", id="raises"),
        pytest.param("__import__('os')._exit(9)", "it failed in 3 requests", id="crashes"),
    ],
)
def test_a_faulty_canary_is_withdrawn_and_costs_no_answer(service, image, tmp_path, fault, reason):
    faulty = write_bundle(tmp_path, "9", fault)
    assert service.challenge(faulty.folder, canary=0.5, limits=LIMITS).status == 200
    assert set(versions(service, image, 12)) == {"1"}
    told = service.challenger
    assert told["phase"] == "withdrawn"
    assert reason in told["reason"]
    assert set(versions(service, image, 2)) == {"1"}


def test_a_slow_canary_is_withdrawn(service, image, tmp_path):
    slow = write_bundle(tmp_path, "9", "sum(range(10**7))")
    service.challenge(slow.folder, canary=0.5, limits={**LIMITS, "requests": 3, "slowdown": 3})
    assert set(versions(service, image, 8)) == {"1", "9"}
    told = service.challenger
    assert told["phase"] == "withdrawn"
    assert "times the champion's (slowdown 3)" in told["reason"]


def test_a_canary_that_finds_other_objects_is_withdrawn(service, image, tmp_path):
    blind = write_bundle(tmp_path, "9", "question['options']['classes'] = ['buoy']")
    service.challenge(blind.folder, canary=0.5, limits={**LIMITS, "requests": 4})
    versions(service, image, 8)
    told = service.challenger
    assert told["phase"] == "withdrawn"
    assert "1.0 against 3.0: Kolmogorov-Smirnov distance 1.00" in told["reason"]


def test_an_image_that_both_refuse_is_no_error_of_the_canary(service, second, image):
    service.challenge(second.folder, canary=0.5, limits=LIMITS)
    assert {service.predict(b"no image").status for _ in range(8)} == {415}
    assert service.challenger["figures"]["canary"]["errors"] == 0


def test_a_canary_without_an_error_answers_everything_after_so_many_answers(service, second, image):
    service.challenge(second.folder, canary=0.5, full_after=3, limits=LIMITS)
    assert versions(service, image, 10)[-4:] == ["2"] * 4
    told = service.challenger
    assert (told["phase"], told["reason"]) == ("full", "3 answers without an error")


def test_a_share_changes_while_its_workers_go_on(service, second, image):
    service.challenge(second.folder, canary=0.5, limits=LIMITS)
    before = service.children_running("worker")
    told = service.challenge(second.folder, canary=1, limits=LIMITS).json
    assert told["phase"] == "full"
    assert service.children_running("worker") == before
    assert set(versions(service, image, 3)) == {"2"}
    assert service.challenge(None).json["ended"]["version"] == "2"
    assert set(versions(service, image, 2)) == {"1"}
    assert service.challenger is None


def test_shadows_are_left_out_and_counted_when_many_wait(service, image, tmp_path, gate):
    slow = write_bundle(tmp_path / "slow", "9", gate.statement)
    service.challenge(slow.folder, shadow=1, limits={**LIMITS, "seconds": 60})
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: service.predict(image), range(36)))
    assert {answer.status for answer in answers} == {200}
    assert service.challenger["figures"]["left_out"] == 36 - 32 - 1
    with gate.opened():
        service.challenge(None)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        pytest.param({"canary": 1.5}, "canary: Input should be less than", id="share"),
        pytest.param({}, "give the challenger a share", id="no share"),
        pytest.param({"shadow": 1, "limits": {"drfit": 1}}, "did you mean 'drift'", id="limit"),
    ],
)
def test_a_wrong_challenge_is_refused_in_one_sentence(service, second, wrong, told):
    answer = service.challenge(second.folder, **wrong)
    assert answer.status == 400
    assert told in answer.json["error"]


def test_a_challenger_that_cannot_be_one_is_refused(service, spots_bundle, tmp_path):
    answer = service.challenge(spots_bundle().folder, canary=0.5)
    assert (answer.status, answer.json["error"]) == (
        422,
        "The challenger is the bundle that answers already: name another version.",
    )
    other = write_bundle(tmp_path, "9", class_names=("ship", "tug"))
    answer = service.challenge(other.folder, canary=0.5)
    assert answer.status == 422
    assert "classes are not the champion's: ship, tug against ship, buoy" in answer.json["error"]
    assert service.ask("POST", "/admin/challenge", "{}").status == 401
    assert service.challenger is None


@pytest.mark.slow
def test_a_challenge_survives_a_kill_of_the_service_or_is_dropped_and_told(
    spots_bundle, second, image, tmp_path
):
    own = second.save(tmp_path / "second") or Bundle.open(tmp_path / "second" / "src")
    with served(spots_bundle().folder, tmp_path / "state") as service:
        service.challenge(own.folder, canary=0.5, limits=LIMITS)
        service.kill()
    with served(spots_bundle().folder, tmp_path / "state") as service:
        wait_for(lambda: service.challenger["phase"] == "running")
        assert Counter(versions(service, image, 4)) == {"1": 2, "2": 2}
        service.kill()
    (own.folder / "network.onnx").unlink()
    with served(spots_bundle().folder, tmp_path / "state") as service:
        wait_for(lambda: service.challenger["phase"] == "dropped")
        assert service.challenger["reason"]
        assert set(versions(service, image, 4)) == {"1"}
        assert "The challenger, version 2, is dropped" in service.log.read_text()


@pytest.mark.slow
def test_a_killed_worker_of_the_challenger_costs_no_answer(service, second, image):
    service.challenge(second.folder, canary=0.5, limits={**LIMITS, "errors": 100})
    both = set(service.children_running("worker"))
    for _ in range(3):
        (newest,) = sorted(service.children_running("worker"))[-1:]
        os.kill(newest, signal.SIGKILL)
        versions(service, image, 4)
        wait_for(lambda: len(service.children_running("worker")) == len(both))
    assert service.challenger["phase"] == "running"


def test_the_bundle_that_becomes_champion_is_no_challenger_any_more(
    spots_bundle, second, image, tmp_path
):
    with served(spots_bundle().folder, tmp_path / "state") as service:
        service.challenge(second.folder, canary=0.5, limits=LIMITS)
        assert service.deploy(second.folder).status == 200
        assert service.challenger is None
        assert set(versions(service, image, 3)) == {"2"}
