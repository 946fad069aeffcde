"""Endpoints of Vertex AI and services of Cloud Run, on the emulated Google."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from google.api import httpbody_pb2
from google.cloud.aiplatform_v1 import PredictionServiceClient

from tests.emulators.cloud_project import HOSTS, CloudProject
from tests.emulators.google_apis import GoogleApis
from tests.fixtures.google_cloud import GoogleCloud
from tests.fixtures.spots import SpotsBundle
from utils.detection.onnx.heads import Head
from utils.errors import CloudError, ConfigurationError
from utils.google_cloud.cloud_run import CloudRun
from utils.google_cloud.credentials import log_in
from utils.google_cloud.deployments import Wanted
from utils.google_cloud.endpoints import VertexEndpoints
from utils.google_cloud.rest import Project
from utils.paths import PROJECT_ROOT
from utils.serving.bundle import Bundle
from utils.serving.clouds import cloud_status, image_of, open_place, undeploy_in_cloud
from utils.serving.deployment import deploy_bundle
from utils.serving.environment import service_python
from utils.serving.options import DeploymentOptions
from utils.shapes.shapes import ShapeKind

REGION = "europe-west4"
REGISTRY = f"{REGION}-docker.pkg.dev/spyglass-test/spyglass"
CONTAINER = PROJECT_ROOT / "tests" / "emulators" / "example" / "container.py"


@pytest.fixture
def cloud(google_project: GoogleCloud, monkeypatch: pytest.MonkeyPatch) -> GoogleCloud:
    """A project that this process can reach, with images of two versions and a broken one."""
    for name, value in google_project.environment.items():
        monkeypatch.setenv(name, value)
    for version in ("3", "4"):
        command = [sys.executable, str(CONTAINER), "{port}", version]
        google_project.vertex.containers.images[f"{REGISTRY}/ships:{version}"] = command
    google_project.vertex.containers.images[f"{REGISTRY}/ships:broken"] = ["false"]
    return google_project


@pytest.fixture
def project(cloud: GoogleCloud) -> Project:
    credentials, _ = log_in(cloud.project)
    return Project(cloud.project, credentials)


def wanted(version: str, share: int = 100, **changes: object) -> Wanted:
    image = f"{REGISTRY}/ships:{version}"
    return Wanted("Ship detector", version, version * 64, image, share=share, **changes)


@pytest.fixture
def endpoints(project: Project) -> VertexEndpoints:
    return VertexEndpoints(project, REGION)


@pytest.fixture
def cloud_run(project: Project) -> CloudRun:
    return CloudRun(project, REGION)


def running(service) -> dict[str, int]:
    return {one.version: one.share for one in service.running}


def asked(endpoint: str) -> str:
    """The version that answers a picture sent to an endpoint."""
    client = PredictionServiceClient(
        client_options={"api_endpoint": f"{REGION}-aiplatform.googleapis.com"}
    )
    body = httpbody_pb2.HttpBody(content_type="image/png", data=b"picture")
    answer = client.raw_predict(endpoint=endpoint, http_body=body).data
    version, _, picture = answer.partition(b" ")
    assert picture == b"picture"
    return version.decode()


def test_an_endpoint_is_made_and_answers_with_the_image_that_was_deployed(endpoints, cloud):
    service = endpoints.deploy(wanted("3"), "n1-standard-4")
    assert service.changed
    assert running(service) == {"3": 100}
    assert service.address.endswith(f"{service.name}:rawPredict")
    assert asked(service.name) == "3"
    assert cloud.vertex.endpoints.calls == ["CreateEndpoint", "UploadModel", "DeployModel"]


def test_the_machine_and_the_gpu_of_an_endpoint_are_those_asked_for(endpoints, cloud):
    endpoints.deploy(wanted("3", accelerator="NVIDIA_L4", most_replicas=3), "g2-standard-8")
    (endpoint,) = cloud.vertex.endpoints.endpoints.values()
    resources = endpoint.deployed_models[0].dedicated_resources
    assert resources.machine_spec.machine_type == "g2-standard-8"
    assert resources.machine_spec.accelerator_type.name == "NVIDIA_L4"
    assert resources.machine_spec.accelerator_count == 1
    assert (resources.min_replica_count, resources.max_replica_count) == (1, 3)
    (model,) = cloud.vertex.endpoints.models.values()
    assert model.container_spec.predict_route == "/predict"
    assert model.container_spec.health_route == "/readyz"


def test_deploying_the_same_version_on_an_endpoint_again_changes_nothing(endpoints, cloud):
    first = endpoints.deploy(wanted("3"), "n1-standard-4")
    before = list(cloud.vertex.endpoints.calls)
    again = endpoints.deploy(wanted("3"), "n1-standard-4")
    assert not again.changed
    assert again.name == first.name
    assert cloud.vertex.endpoints.calls == before


def test_a_new_version_on_an_endpoint_gets_its_share_and_later_everything(endpoints, cloud):
    endpoints.deploy(wanted("3"), "n1-standard-4")
    split = endpoints.deploy(wanted("4", share=30), "n1-standard-4")
    assert running(split) == {"3": 70, "4": 30}
    answers = [asked(split.name) for _ in range(40)]
    assert {"3", "4"} == set(answers)
    whole = endpoints.deploy(wanted("4"), "n1-standard-4")
    assert whole.changed
    assert running(whole) == {"4": 100}
    assert len(cloud.vertex.containers.running) == 1
    assert {asked(whole.name) for _ in range(5)} == {"4"}


def test_an_image_that_never_becomes_ready_leaves_the_endpoint_as_it_was(endpoints, cloud):
    before = endpoints.deploy(wanted("3"), "n1-standard-4")
    with pytest.raises(CloudError, match=r"could not deploy .* never became ready.* Its log"):
        endpoints.deploy(wanted("broken"), "n1-standard-4")
    assert running(endpoints.status("Ship detector")) == {"3": 100}
    assert asked(before.name) == "3"


def test_an_endpoint_is_undeployed_with_everything_that_was_made_for_it(endpoints, cloud):
    assert not endpoints.undeploy("Ship detector")
    endpoints.deploy(wanted("3"), "n1-standard-4")
    endpoints.deploy(wanted("4", share=40), "n1-standard-4")
    assert endpoints.undeploy("Ship detector")
    assert endpoints.status("Ship detector") is None
    assert not cloud.vertex.endpoints.models
    assert not cloud.vertex.endpoints.endpoints
    assert not cloud.vertex.containers.running


def test_endpoints_of_others_are_left_alone(endpoints, cloud):
    endpoints.deploy(wanted("3"), "n1-standard-4")
    other = Wanted("another", "1", "1" * 64, f"{REGISTRY}/ships:4")
    endpoints.deploy(other, "n1-standard-4")
    endpoints.undeploy("Ship detector")
    assert running(endpoints.status("another")) == {"1": 100}


def test_a_gpu_that_does_not_exist_is_named_before_anything_is_made(endpoints, cloud):
    with pytest.raises(ConfigurationError, match="did you mean 'NVIDIA_L4'"):
        endpoints.deploy(wanted("3", accelerator="NVIDIA_L5"), "n1-standard-4")
    assert not cloud.vertex.endpoints.calls


def test_a_used_up_quota_is_one_sentence_with_a_way_on(endpoints, cloud):
    cloud.vertex.refuse_next(grpc.StatusCode.RESOURCE_EXHAUSTED, "Quota exceeded for L4")
    with pytest.raises(CloudError, match=r"quota is used up: .*Quota exceeded for L4.* quotas"):
        endpoints.deploy(wanted("3"), "n1-standard-4")


def test_expired_credentials_say_how_to_log_in(endpoints, cloud):
    cloud.tokens.expire()
    with pytest.raises(CloudError, match="gcloud auth application-default login"):
        endpoints.status("Ship detector")


def test_a_service_of_cloud_run_is_made_with_probes_machine_and_traffic(cloud_run, cloud):
    service = cloud_run.deploy(
        wanted("3", accelerator="NVIDIA_L4", least_replicas=0), cpus=4, memory_gb=8
    )
    assert service.changed
    assert running(service) == {"3": 100}
    assert service.address.startswith("https://ship-detector-")
    assert service.address.endswith("/predict")
    (made,) = cloud.vertex.cloud_run.services.values()
    (container,) = made.template.containers
    assert dict(container.resources.limits) == {
        "cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "1"
    }  # fmt: skip
    assert made.template.node_selector.accelerator == "nvidia-l4"
    assert container.startup_probe.http_get.path == "/readyz"
    assert made.template.scaling.min_instance_count == 0


def test_deploying_the_same_version_on_cloud_run_again_changes_nothing(cloud_run, cloud):
    cloud_run.deploy(wanted("3"), 4, 4)
    assert not cloud_run.deploy(wanted("3"), 4, 4).changed
    assert cloud.vertex.cloud_run.calls == ["CreateService"]


def test_another_machine_for_the_same_version_is_another_revision(cloud_run, cloud):
    cloud_run.deploy(wanted("3"), 4, 4)
    assert cloud_run.deploy(wanted("3"), 4, 8).changed
    assert len(cloud.vertex.cloud_run.revisions) == 2
    assert running(cloud_run.status("Ship detector")) == {"3": 100}


def test_versions_on_cloud_run_share_the_requests(cloud_run):
    cloud_run.deploy(wanted("3"), 4, 4)
    assert running(cloud_run.deploy(wanted("4", share=10), 4, 4)) == {"3": 90, "4": 10}
    assert running(cloud_run.deploy(wanted("4"), 4, 4)) == {"4": 100}


def test_an_image_that_never_becomes_ready_leaves_cloud_run_as_it_was(cloud_run):
    cloud_run.deploy(wanted("3"), 4, 4)
    with pytest.raises(CloudError, match="never became ready"):
        cloud_run.deploy(wanted("broken"), 4, 4)
    assert running(cloud_run.status("Ship detector")) == {"3": 100}


def test_a_service_of_cloud_run_is_deleted_once(cloud_run, cloud):
    cloud_run.deploy(wanted("3"), 4, 4)
    assert cloud_run.undeploy("Ship detector")
    assert not cloud_run.undeploy("Ship detector")
    assert cloud_run.status("Ship detector") is None
    assert not cloud.vertex.containers.running


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    """A bundle of version 3, by name only: the clouds take its image from the registry."""
    return Bundle(
        folder=tmp_path / "src",
        digest="3" * 64,
        model="Ship detector",
        version="3",
        kind=ShapeKind.DETECT,
        class_names=("ship",),
        image_size=640,
        head=Head.NMS,
        settings=None,
    )


@pytest.fixture
def registry(cloud: GoogleCloud) -> Iterator[CloudProject]:
    """Google's other APIs, among them the container registry."""
    apis = GoogleApis(cloud.certificate, cloud.tokens.accepts)
    for host in HOSTS:
        cloud.proxy.route(host, apis.port)
    yield apis.project
    apis.stop()


def options(google: GoogleCloud, **changes: object) -> DeploymentOptions:
    place = {"project": google.project, "region": REGION, "registry": REGISTRY}
    return DeploymentOptions(**{"where": "vertex", "cloud": place, **changes})


@pytest.mark.parametrize("where", ["vertex", "cloud-run"])
def test_a_bundle_is_deployed_by_the_image_that_its_digest_names(bundle, cloud, registry, where):
    image = f"{REGISTRY}/ship-detector:3-33333333"
    registry.images.add("ship-detector:3-33333333")
    cloud.vertex.containers.images[image] = [sys.executable, str(CONTAINER), "{port}", "3"]
    told = deploy_bundle(bundle, options(cloud, where=where))
    assert (told.version, told.where, told.change) == ("3", where, "switched")
    assert told.address in told.curl
    assert deploy_bundle(bundle, options(cloud, where=where)).change == "unchanged"
    assert running(cloud_status(bundle.model, options(cloud, where=where))) == {"3": 100}
    assert undeploy_in_cloud(bundle.model, options(cloud, where=where))
    assert cloud_status(bundle.model, options(cloud, where=where)) is None


def test_a_missing_image_names_the_commands_that_build_and_push_it(bundle, cloud, registry):
    with pytest.raises(CloudError, match="is not in the registry") as refused:
        deploy_bundle(bundle, options(cloud))
    image = f"{REGISTRY}/ship-detector:3-33333333"
    for command in (
        f"docker build --file {bundle.root}/env/docker/Dockerfile --tag {image} {bundle.root}",
        f"docker push {image}",
        f"gcloud builds submit --config=deployment/cloudbuild-detector.yaml "
        f"--substitutions=_IMAGE={image} {bundle.root}",
    ):
        assert command in str(refused.value)
    assert not cloud.vertex.endpoints.calls


@pytest.mark.parametrize("key", ["project", "region", "registry"])
def test_a_place_that_is_not_named_says_where_to_name_it(bundle, cloud, registry, key):
    place = {"project": cloud.project, "region": REGION, "registry": REGISTRY, key: None}
    with pytest.raises(ConfigurationError, match=rf"--set deployment\.cloud\.{key}="):
        deploy_bundle(bundle, options(cloud, cloud=place))


def test_the_service_itself_answers_on_an_endpoint_and_google_guards_it(
    spots_bundle: SpotsBundle, cloud, registry, tmp_path
):
    """The container that Vertex AI runs is that of the bundle, but for the image around it."""
    bundle = spots_bundle()
    dockerfile = (PROJECT_ROOT / "utils" / "serving" / "bento" / "Dockerfile").read_text()
    command = json.loads(dockerfile.rpartition("CMD ")[2])
    told = {"python": str(service_python()), "/bundle/src": str(bundle.folder), "8080": "{port}"}
    told["/var/lib/detector"] = str(tmp_path / "state")
    words = shlex.join(told.get(word, word) for word in command)
    image = image_of(bundle, options(cloud), open_place(options(cloud)))
    registry.images.add(image.removeprefix(f"{REGISTRY}/"))
    container = ["sh", "-c", f"cd {bundle.folder} && exec {words}"]
    cloud.vertex.containers.images[image] = container
    deploy_bundle(bundle, options(cloud))
    service = cloud_status(bundle.model, options(cloud))
    client = PredictionServiceClient(
        client_options={"api_endpoint": f"{REGION}-aiplatform.googleapis.com"}
    )
    picture = bundle.test_image.read_bytes()
    body = httpbody_pb2.HttpBody(content_type="image/png", data=picture)
    answer = json.loads(client.raw_predict(endpoint=service.name, http_body=body).data)
    assert answer["version"] == bundle.version
    expected = json.loads(bundle.expected.read_bytes())
    assert answer["objects"] == expected["objects"]
