"""Services of Cloud Run: a bundle's image as a revision that shares the traffic.

Import this module inside functions: it loads Google's client.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from google.api_core.exceptions import NotFound
from google.cloud.run_v2 import (
    Container,
    ContainerPort,
    EnvVar,
    HTTPGetAction,
    NodeSelector,
    Probe,
    ResourceRequirements,
    RevisionScaling,
    RevisionTemplate,
    Service,
    ServicesClient,
    TrafficTarget,
    TrafficTargetAllocationType,
)

from utils.google_cloud.deployments import (
    CONTAINER_PORT,
    DEPLOY_SECONDS,
    HEALTH_ROUTE,
    OWN_LABEL,
    PREDICT_ROUTE,
    CloudService,
    Running,
    Wanted,
    explained,
    resource_name,
    shares,
)
from utils.google_cloud.rest import Project

API = "run.googleapis.com"
_ROLE = "roles/run.admin"
_LIVE_ROUTE = "/livez"
_STARTUP_TRIES = 24
_PERIOD_SECONDS = 5
_REVISION = TrafficTargetAllocationType.TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION


@dataclass(frozen=True)
class CloudRun:
    """The services of a project in one region.

    Attributes:
        project: Project and credentials.
        region: Region of Cloud Run, such as `europe-west4`.
    """

    project: Project
    region: str

    def deploy(self, wanted: Wanted, cpus: int, memory_gb: int) -> CloudService:
        """Deploy a version as a revision of its model's service; a second call changes nothing.

        Requests go to it when it has become ready; until then, the revisions before it answer.

        Args:
            wanted: The version.
            cpus: Number of CPUs of an instance.
            memory_gb: Memory of an instance, in GiB.

        Raises:
            CloudError: If Google refuses, or the container does not become ready.
        """
        with self._explained("deploy services"):
            service = self._found(wanted.model)
            before = _split_of(service) if service else {}
            wished = self._service(wanted, cpus, memory_gb, before)
            if service is not None and _is_as(service, wished):
                return _described(service)
            if service is None:
                created = self._services.create_service(
                    parent=self._parent, service=wished, service_id=resource_name(wanted.model)
                )
                return replace(_described(created.result(DEPLOY_SECONDS)), changed=True)
            wished.name = service.name
            updated = self._services.update_service(service=wished)
            return replace(_described(updated.result(DEPLOY_SECONDS)), changed=True)

    def status(self, model: str) -> CloudService | None:
        """The service of a model with its revisions; None where there is none."""
        with self._explained("look at services"):
            service = self._found(model)
            return None if service is None else _described(service)

    def undeploy(self, model: str) -> bool:
        """Delete the service of a model; tells whether there was one."""
        with self._explained("delete services"):
            service = self._found(model)
            if service is None:
                return False
            self._services.delete_service(name=service.name).result(DEPLOY_SECONDS)
            return True

    @property
    def _parent(self) -> str:
        return f"projects/{self.project.id}/locations/{self.region}"

    @cached_property
    def _services(self) -> ServicesClient:
        return ServicesClient(credentials=self.project.credentials)

    def _explained(self, what: str) -> Any:
        return explained(self.project, API, what, _ROLE)

    def _found(self, model: str) -> Service | None:
        try:
            return self._services.get_service(
                name=f"{self._parent}/services/{resource_name(model)}"
            )
        except NotFound:
            return None

    def _service(
        self, wanted: Wanted, cpus: int, memory_gb: int, before: dict[str, int]
    ) -> Service:
        name = resource_name(wanted.model)
        template = RevisionTemplate(
            labels=wanted.labels,
            containers=[_container(wanted, cpus, memory_gb)],
            scaling=RevisionScaling(
                min_instance_count=wanted.least_replicas,
                max_instance_count=max(wanted.least_replicas, wanted.most_replicas),
            ),
            service_account=wanted.service_account or "",
            node_selector=NodeSelector(accelerator=_gpu(wanted)) if wanted.accelerator else None,
        )
        # A revision never changes: another machine or image for a version is another revision.
        content = hashlib.sha256(RevisionTemplate.to_json(template).encode()).hexdigest()
        template.revision = f"{name}-{resource_name(wanted.version)}-{content[:8]}"
        split = shares(template.revision, wanted.share, before)
        traffic = [
            TrafficTarget(type_=_REVISION, revision=key, percent=percent)
            for key, percent in split.items()
        ]
        return Service(labels={OWN_LABEL: name}, template=template, traffic=traffic)


def _container(wanted: Wanted, cpus: int, memory_gb: int) -> Container:
    limits = {"cpu": str(cpus), "memory": f"{memory_gb}Gi"}
    if wanted.accelerator:
        limits["nvidia.com/gpu"] = "1"
    return Container(
        image=wanted.image,
        ports=[ContainerPort(container_port=CONTAINER_PORT)],
        env=[EnvVar(name=name, value=value) for name, value in (wanted.environment or {}).items()],
        resources=ResourceRequirements(limits=limits, startup_cpu_boost=True),
        startup_probe=_probe(HEALTH_ROUTE, _STARTUP_TRIES),
        liveness_probe=_probe(_LIVE_ROUTE, 3),
    )


def _probe(path: str, failures: int) -> Probe:
    return Probe(
        http_get=HTTPGetAction(path=path, port=CONTAINER_PORT),
        period_seconds=_PERIOD_SECONDS,
        timeout_seconds=_PERIOD_SECONDS,
        failure_threshold=failures,
    )


def _gpu(wanted: Wanted) -> str:
    """Cloud Run's name of a GPU that Vertex AI calls NVIDIA_L4."""
    return str(wanted.accelerator).lower().replace("_", "-")


def _is_as(service: Service, wished: Service) -> bool:
    """Whether a service already is as wished, and ready."""
    wanted = {target.revision: target.percent for target in wished.traffic}
    is_there = service.latest_ready_revision.endswith(wished.template.revision)
    return is_there and _split_of(service) == wanted


def _split_of(service: Service) -> dict[str, int]:
    """Percent of the requests by revision, of those that get any."""
    targets = service.traffic_statuses or service.traffic
    return {target.revision: target.percent for target in targets if target.percent}


def _described(service: Service) -> CloudService:
    name = service.name.rpartition("/")[2]
    running = tuple(
        Running(
            version=revision.removeprefix(f"{name}-").rpartition("-")[0],
            share=percent,
            since=service.update_time.isoformat(timespec="seconds") if service.update_time else "",
        )
        for revision, percent in _split_of(service).items()
    )
    return CloudService(service.name, f"{service.uri}{PREDICT_ROUTE}", running)
