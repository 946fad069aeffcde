"""Endpoints of Vertex AI: a bundle's image is deployed, shares the traffic, and goes again.

Import this module inside functions: it loads Google's client.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from google.cloud.aiplatform_v1 import (
    AcceleratorType,
    DedicatedResources,
    DeployedModel,
    Endpoint,
    EndpointServiceClient,
    EnvVar,
    MachineSpec,
    Model,
    ModelContainerSpec,
    ModelServiceClient,
    Port,
)

from utils.errors import ConfigurationError
from utils.google_cloud.deployments import (
    ALL_PERCENT,
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
from utils.options import unknown_key

API = "aiplatform.googleapis.com"
_ROLE = "roles/aiplatform.user"
# The key by which a request to deploy names the model that it brings.
_NEW = "0"


@dataclass(frozen=True)
class VertexEndpoints:
    """The endpoints of a project in one region.

    Attributes:
        project: Project and credentials.
        region: Region of Vertex AI, such as `europe-west4`.
    """

    project: Project
    region: str

    def deploy(self, wanted: Wanted, machine: str) -> CloudService:
        """Deploy a version on the endpoint of its model; a second call changes nothing.

        Each part is looked for before it is made, so a call that was cut off is continued by the
        next. Versions that get no more requests are undeployed after the new one answers.

        Args:
            wanted: The version.
            machine: Machine type, such as `n1-standard-4`.

        Raises:
            CloudError: If Google refuses, or the container does not become ready.
            ConfigurationError: If there is no accelerator of that name.
        """
        _accelerator(wanted.accelerator)
        with self._explained("deploy models on endpoints"):
            endpoint = self._endpoint_of(wanted.model) or self._made(wanted.model)
            model = self._model_of(wanted) or self._uploaded(wanted)
            before = list(endpoint.deployed_models)
            deployed = next((one for one in before if one.model == model), None)
            split = dict(endpoint.traffic_split)
            if deployed is None:
                self._add(endpoint.name, wanted, model, machine, split)
            elif (goal := shares(deployed.id, wanted.share, split)) != split:
                self._divide(endpoint.name, goal)
            elif len(before) == len(split):
                return self._described(endpoint)
            endpoint = self._without_idle(endpoint.name)
            return replace(self._described(endpoint), changed=True)

    def status(self, model: str) -> CloudService | None:
        """The endpoint of a model with the versions on it; None where there is none."""
        with self._explained("list endpoints"):
            endpoint = self._endpoint_of(model)
            return None if endpoint is None else self._described(endpoint)

    def undeploy(self, model: str) -> bool:
        """Undeploy every version, and delete endpoint and models; tells whether there was one."""
        with self._explained("delete endpoints"):
            endpoint = self._endpoint_of(model)
            if endpoint is not None:
                self._empty(endpoint)
                self._endpoints.delete_endpoint(name=endpoint.name).result(DEPLOY_SECONDS)
            for uploaded in self._models_of(model):
                self._models.delete_model(name=uploaded.name).result(DEPLOY_SECONDS)
            return endpoint is not None

    @property
    def _parent(self) -> str:
        return f"projects/{self.project.id}/locations/{self.region}"

    @cached_property
    def _connection(self) -> dict[str, Any]:
        options = {"api_endpoint": f"{self.region}-{API}"}
        return {"client_options": options, "credentials": self.project.credentials}

    @cached_property
    def _endpoints(self) -> EndpointServiceClient:
        return EndpointServiceClient(**self._connection)

    @cached_property
    def _models(self) -> ModelServiceClient:
        return ModelServiceClient(**self._connection)

    def _explained(self, what: str) -> Any:
        return explained(self.project, API, what, _ROLE)

    def _endpoint_of(self, model: str) -> Endpoint | None:
        name = resource_name(model)
        found = self._endpoints.list_endpoints(
            request={"parent": self._parent, "filter": f'labels.{OWN_LABEL}="{name}"'}
        )
        return next(iter(found), None)

    def _made(self, model: str) -> Endpoint:
        name = resource_name(model)
        endpoint = Endpoint(display_name=name, labels={OWN_LABEL: name})
        operation = self._endpoints.create_endpoint(parent=self._parent, endpoint=endpoint)
        made: Endpoint = operation.result(DEPLOY_SECONDS)
        return made

    def _models_of(self, model: str) -> list[Model]:
        wanted = f'labels.{OWN_LABEL}="{resource_name(model)}"'
        return list(self._models.list_models(request={"parent": self._parent, "filter": wanted}))

    def _model_of(self, wanted: Wanted) -> str | None:
        """The uploaded model of this very bundle and image."""
        for model in self._models_of(wanted.model):
            is_same = dict(model.labels) == wanted.labels
            if is_same and model.container_spec.image_uri == wanted.image:
                return str(model.name)
        return None

    def _uploaded(self, wanted: Wanted) -> str:
        variables = (wanted.environment or {}).items()
        container = ModelContainerSpec(
            image_uri=wanted.image,
            ports=[Port(container_port=CONTAINER_PORT)],
            predict_route=PREDICT_ROUTE,
            health_route=HEALTH_ROUTE,
            env=[EnvVar(name=name, value=value) for name, value in variables],
        )
        model = Model(
            display_name=f"{resource_name(wanted.model)}-{resource_name(wanted.version)}",
            labels=wanted.labels,
            container_spec=container,
        )
        operation = self._models.upload_model(parent=self._parent, model=model)
        return str(operation.result(DEPLOY_SECONDS).model)

    def _add(
        self, endpoint: str, wanted: Wanted, model: str, machine: str, split: dict[str, int]
    ) -> None:
        kind, count = _accelerator(wanted.accelerator)
        resources = DedicatedResources(
            machine_spec=MachineSpec(
                machine_type=machine, accelerator_type=kind, accelerator_count=count
            ),
            min_replica_count=max(1, wanted.least_replicas),
            max_replica_count=max(1, wanted.least_replicas, wanted.most_replicas),
        )
        deployed = DeployedModel(
            model=model,
            display_name=resource_name(wanted.version),
            dedicated_resources=resources,
            service_account=wanted.service_account or "",
        )
        self._endpoints.deploy_model(
            endpoint=endpoint,
            deployed_model=deployed,
            traffic_split=shares(_NEW, wanted.share, split),
        ).result(DEPLOY_SECONDS)

    def _divide(self, endpoint: str, split: dict[str, int]) -> None:
        self._endpoints.update_endpoint(
            request={
                "endpoint": Endpoint(name=endpoint, traffic_split=split),
                "update_mask": {"paths": ["traffic_split"]},
            }
        )

    def _without_idle(self, name: str) -> Endpoint:
        """Undeploy what gets no more requests; requests that it answers are finished first."""
        endpoint = self._endpoints.get_endpoint(name=name)
        for deployed in endpoint.deployed_models:
            if not endpoint.traffic_split.get(deployed.id):
                self._take_away(name, deployed.id)
        return self._endpoints.get_endpoint(name=name)

    def _empty(self, endpoint: Endpoint) -> None:
        """Undeploy every version; only the last may go while requests are sent to it."""
        split = endpoint.traffic_split
        if not endpoint.deployed_models:
            return
        last = max(endpoint.deployed_models, key=lambda one: split.get(one.id, 0)).id
        if split.get(last) != ALL_PERCENT:
            self._divide(endpoint.name, {last: ALL_PERCENT})
        self._without_idle(endpoint.name)
        self._take_away(endpoint.name, last)

    def _take_away(self, endpoint: str, deployed: str) -> None:
        self._endpoints.undeploy_model(endpoint=endpoint, deployed_model_id=deployed).result(
            DEPLOY_SECONDS
        )

    def _described(self, endpoint: Endpoint) -> CloudService:
        models = {deployed.model for deployed in endpoint.deployed_models}
        labels = {name: dict(self._models.get_model(name=name).labels) for name in models}
        running = tuple(
            Running(
                version=labels[one.model].get("version", one.display_name),
                share=endpoint.traffic_split.get(one.id, 0),
                since=one.create_time.isoformat(timespec="seconds") if one.create_time else "",
            )
            for one in endpoint.deployed_models
        )
        address = f"https://{self.region}-{API}/v1/{endpoint.name}:rawPredict"
        return CloudService(endpoint.name, address, running)


def _accelerator(name: str | None) -> tuple[AcceleratorType, int]:
    if name is None:
        return AcceleratorType.ACCELERATOR_TYPE_UNSPECIFIED, 0
    known = [kind.name for kind in AcceleratorType if kind.value]
    if name not in known:
        raise ConfigurationError(f"deployment.accelerator: {unknown_key(name, known, 'GPU')}")
    return AcceleratorType[name], 1
