"""The files of `deployment/`: schemas accept them, and they name what the bundle really has."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import kubernetes_validate
import pytest
import yaml

from utils.google_cloud.deployments import CONTAINER_PORT, HEALTH_ROUTE
from utils.paths import PROJECT_ROOT
from utils.serving.connection import TOKEN_VARIABLE

FOLDER = PROJECT_ROOT / "deployment"
MANIFESTS = list(yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text()))
# The oldest that clouds still run, and the newest that the checker knows.
VERSIONS = ("1.31", kubernetes_validate.latest_version())


def named(kind: str) -> dict[str, Any]:
    (found,) = (manifest for manifest in MANIFESTS if manifest["kind"] == kind)
    return found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda manifest: manifest["kind"])
def test_kubernetes_accepts_the_manifests(manifest, version):
    kubernetes_validate.validate(manifest, version, strict=True)


def test_the_checker_refuses_a_misspelt_key():
    manifest = named("Deployment") | {"spek": {}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, VERSIONS[-1], strict=True)


def test_the_service_sends_requests_to_the_pods_of_the_deployment():
    template = named("Deployment")["spec"]["template"]
    selector = named("Service")["spec"]["selector"]
    assert selector.items() <= template["metadata"]["labels"].items()
    (container,) = template["spec"]["containers"]
    (port,) = container["ports"]
    assert named("Service")["spec"]["ports"][0]["targetPort"] == port["name"]
    assert port["containerPort"] == CONTAINER_PORT


def test_a_pod_is_ready_once_the_test_image_was_reproduced():
    (container,) = named("Deployment")["spec"]["template"]["spec"]["containers"]
    for probe in ("startupProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["path"] == HEALTH_ROUTE
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"


def test_the_volumes_of_the_pod_are_declared():
    pod = named("Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    mounted = {mount["name"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}
    claims = [v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"] if len(v) > 1
              and "persistentVolumeClaim" in v]  # fmt: skip
    assert claims == [named("PersistentVolumeClaim")["metadata"]["name"]]


def test_the_container_of_the_manifests_is_that_of_the_bundle():
    dockerfile = (PROJECT_ROOT / "utils/serving/bento/Dockerfile").read_text()
    command = json.loads(dockerfile.rpartition("CMD ")[2])
    told = dict(pairwise(command))
    pod = named("Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert told["--port"] == str(CONTAINER_PORT)
    assert told["--state"] in {mount["mountPath"] for mount in container["volumeMounts"]}
    user = re.search(r"^USER (\d+):(\d+)$", dockerfile, re.MULTILINE).groups()
    context = pod["securityContext"]
    assert user == (str(context["runAsUser"]), str(context["runAsGroup"]))
    (variable,) = container["env"]
    assert variable["name"] == TOKEN_VARIABLE
    detector = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]["detector"]
    assert TOKEN_VARIABLE in detector["environment"]
    assert detector["volumes"] == [f"detector:{told['--state']}"]


def test_compose_starts_the_detector_only_when_it_is_named():
    services = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]
    assert services["detector"]["profiles"] == ["detector"]
    assert services["detector"]["build"]["dockerfile"] == "env/docker/Dockerfile"
    assert all("profiles" not in other for name, other in services.items() if name != "detector")
    assert services["detector"]["ports"][0].startswith("127.0.0.1:")
