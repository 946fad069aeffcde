"""The service on this machine: started once, found again, switched without a lost answer."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Event

import psutil
import pytest

from tests.fixtures.spots import SpotsBundle
from utils.errors import ServerError, ServiceError
from utils.ports import free_port, port_is_free
from utils.serving.bundle import Bundle
from utils.serving.deployment import deploy_bundle
from utils.serving.options import DeploymentOptions
from utils.serving.process import deploy_here, serving, stop_service
from utils.serving.running import running_service, running_services

EVERYWHERE = "0.0.0.0"  # noqa: S104


@pytest.fixture(scope="module")
def place(local_state: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of local state, with the environments of the tests; services in it are stopped."""
    folder = tmp_path_factory.mktemp("place")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPYGLASS_LOCAL", str(folder))
        yield folder
        for service in list(running_services()):
            stop_service(service.served.model)


@pytest.fixture(scope="module")
def options(place: Path) -> DeploymentOptions:
    return DeploymentOptions(port=free_port())


@pytest.fixture
def first(spots_bundle: SpotsBundle, options: DeploymentOptions) -> Bundle:
    """The bundle of version 1, deployed."""
    bundle = spots_bundle()
    deploy_here(bundle, options)
    return bundle


def pids(model: str) -> int:
    service = running_service(model)
    assert service is not None
    return service.server.pid


def test_a_deployed_service_is_ready_found_again_and_answers_the_printed_command(first, options):
    told = deploy_bundle(first, options)
    assert told.change == "unchanged"
    assert told.address == f"http://127.0.0.1:{options.port}"
    answer = subprocess.run(["bash", "-c", told.curl], capture_output=True, check=True).stdout
    assert b'"version":"1"' in answer.replace(b" ", b"")
    (service,) = running_services()
    assert (service.served.model, service.served.version) == (first.model, "1")
    assert Path(told.log).is_file()


def test_the_same_bundle_again_starts_nothing(first, options):
    before = pids(first.model)
    assert deploy_here(first, options).change == "unchanged"
    assert pids(first.model) == before


def test_two_commands_at_once_start_one_service(spots_bundle, options):
    bundle = spots_bundle()
    stop_service(bundle.model)
    with ThreadPoolExecutor(2) as pool:
        changes = list(pool.map(lambda _: deploy_here(bundle, options).change, range(2)))
    assert sorted(changes) == ["started", "unchanged"]


def test_a_service_outlives_the_command_that_deployed_it(first, options, place):
    stop_service(first.model)
    code = (
        "import sys; from pathlib import Path; from utils.serving.bundle import Bundle; "
        "from utils.serving.options import DeploymentOptions; "
        "from utils.serving.process import deploy_here; "
        "deploy_here(Bundle.open(Path(sys.argv[1])), DeploymentOptions(port=int(sys.argv[2])))"
    )
    subprocess.run([sys.executable, "-c", code, first.folder, str(options.port)], check=True)
    assert deploy_here(first, options).change == "unchanged"


def test_another_version_is_switched_to_without_a_lost_or_mixed_answer(
    first, spots_bundle, options
):
    second = spots_bundle("2")
    service = running_service(first.model)
    image, done, numbers = first.test_image.read_bytes(), Event(), count()
    seen: list[tuple[str, list[list[float]]]] = []

    def ask() -> None:
        client = service.client()
        while not done.is_set() or next(numbers) < 8:
            answer = client.predict(image)
            seen.append((answer["version"], [one["box"] for one in answer["objects"]]))

    with ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask) for _ in range(4)]
        deployed = deploy_here(second, options)
        done.set()
        for one in asking:
            one.result()
    assert (deployed.change, deployed.before) == ("switched", "1")
    assert pids(first.model) == service.server.pid
    assert {version for version, _ in seen} == {"1", "2"}
    boxes = {version: {str(found) for own, found in seen if own == version} for version in "12"}
    assert [len(found) for found in boxes.values()] == [1, 1]
    assert boxes["1"] != boxes["2"]
    assert running_service(first.model).served.version == "2"


@pytest.mark.slow
def test_a_bundle_that_the_service_refuses_leaves_the_one_before(
    first, spots_bundle, options, tmp_path
):
    second = spots_bundle("2")
    second.save(tmp_path / "false")
    expected = tmp_path / "false" / "src" / "test" / "expected.json"
    expected.write_text(expected.read_text().replace('"ship"', '"buoy"'))
    refused = Bundle(**{**_fields(second), "folder": tmp_path / "false" / "src"}).write()
    with pytest.raises(ServiceError, match=r"stays with version 1: version 2 was refused\..* log"):
        deploy_here(refused, options)
    assert running_service(first.model).client().predict(first.test_image)["version"] == "1"


@pytest.mark.slow
def test_a_kept_bundle_that_was_tampered_with_is_replaced(first, spots_bundle, options):
    second = spots_bundle("2")
    deploy_here(second, options)
    deploy_here(first, options)
    network = Path(running_service(first.model).served.bundle).parents[1]
    network = network / second.digest / "src" / "network.onnx"
    network.write_bytes(network.read_bytes() + b" ")
    assert deploy_here(second, options).change == "switched"
    assert network.read_bytes() == second.network.read_bytes()


@pytest.mark.slow
def test_another_port_restarts_the_service(first, options):
    other = options.updated(port=free_port())
    deployed = deploy_here(first, other)
    assert (deployed.change, deployed.before) == ("started", "1")
    assert deployed.service.url.endswith(f":{other.port}")
    assert port_is_free(options.port)


@pytest.mark.slow
def test_a_taken_port_is_no_obstacle(spots_bundle, options, place):
    bundle = spots_bundle()
    stop_service(bundle.model)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        wanted = options.updated(port=port)
        deployed = deploy_here(bundle, wanted)
        assert deployed.service.server.port != port
        assert deploy_here(bundle, wanted).change == "unchanged"


def test_listening_elsewhere_needs_a_token_that_only_the_owner_can_read(first, options):
    told = deploy_bundle(first, options.updated(host=EVERYWHERE))
    service = running_service(first.model)
    assert stat.S_IMODE(service.token_file.stat().st_mode) == 0o600
    assert service.token not in str(told)
    with pytest.raises(ServiceError, match="token is missing or wrong"):
        type(service.client())(service.url).predict(first.test_image)
    answer = subprocess.run(["bash", "-c", told.curl], capture_output=True, check=True).stdout
    assert b"objects" in answer
    token = service.token
    deploy_here(first, options)
    assert deploy_here(first, options.updated(host=EVERYWHERE)).service.token == token
    deploy_here(first, options)


@pytest.mark.slow
def test_a_killed_service_is_started_again(first, options):
    front = psutil.Process(pids(first.model))
    front.kill()
    front.wait(10)
    deployed = deploy_here(first, options)
    assert deployed.change == "started"
    assert deployed.service.client().predict(first.test_image)["version"] == "1"


@pytest.mark.slow
def test_a_bundle_that_does_not_find_what_it_must_is_refused_in_one_sentence(
    spots_bundle, options, tmp_path
):
    bundle = spots_bundle()
    bundle.save(tmp_path / "false")
    source = tmp_path / "false" / "src"
    expected = source / "test" / "expected.json"
    expected.write_text(expected.read_text().replace('"ship"', '"buoy"'))
    refused = Bundle(**{**_fields(bundle), "folder": source, "model": "false"}).write()
    with pytest.raises(ServerError, match="does not find on its test image what it must"):
        deploy_here(refused, options.updated(port=free_port()))
    assert running_service("false") is None


def _fields(bundle: Bundle) -> dict[str, object]:
    return {name: getattr(bundle, name) for name in bundle.__dataclass_fields__}


def test_a_stopped_service_is_gone_with_its_workers(first, options):
    front = psutil.Process(pids(first.model))
    workers = front.children(recursive=True)
    assert workers
    assert stop_service(first.model)
    assert not stop_service(first.model)
    assert running_service(first.model) is None
    assert port_is_free(options.port)
    assert not [worker for worker in workers if worker.is_running()]


@pytest.mark.slow
def test_a_bundle_is_served_for_the_time_of_a_block(spots_bundle, place, tmp_path):
    bundle = spots_bundle()
    with serving(bundle, tmp_path / "service") as client:
        assert client.predict(bundle.test_image)["version"] == "1"
        port = int(client.url.rpartition(":")[2])
    assert port_is_free(port)
