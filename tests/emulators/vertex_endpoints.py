"""Vertex AI's models and endpoints over gRPC: deployed models are containers that answer.

Messages, filters and refusals as in the references of ModelService, EndpointService and
PredictionService, v1.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from random import Random
from typing import Any

import grpc
from google.api import httpbody_pb2
from google.cloud.aiplatform_v1 import types
from google.longrunning import operations_pb2

from tests.emulators.containers import Container, Containers
from tests.emulators.operations import Operations

_SERVICES = "google.cloud.aiplatform.v1"
_CONTAINER_VARIABLES = {"AIP_HTTP_PORT": "8080", "AIP_MODE": "PREDICTION"}
Rpc = Callable[[Callable[[Any], Any], Any], grpc.RpcMethodHandler]


class RefusedError(Exception):
    """A request that Vertex refuses at once, with FAILED_PRECONDITION."""


@dataclass
class Endpoints:
    """The models and endpoints of a project.

    Attributes:
        operations: Long-running operations.
        containers: Containers of the deployed models.
        models: Uploaded models by resource name.
        endpoints: Endpoints by resource name.
        calls: Name of every method that changes something, in order.
    """

    operations: Operations
    containers: Containers
    models: dict[str, types.Model] = field(default_factory=dict)
    endpoints: dict[str, types.Endpoint] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    _deployed: dict[str, Container] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: count(7_000_000_001))
    _random: Random = field(default_factory=lambda: Random(0))  # noqa: S311

    def forget(self) -> None:
        """Begin anew, for the next test."""
        self.containers.stop_all()
        for known in (self.models, self.endpoints, self.calls, self._deployed):
            known.clear()

    def upload_model(self, request: types.UploadModelRequest) -> operations_pb2.Operation:
        model = types.Model(request.model)
        model.name = f"{request.parent}/models/{next(self._numbers)}"
        self.calls.append("UploadModel")

        def work() -> types.UploadModelResponse:
            self.models[model.name] = model
            return types.UploadModelResponse(model=model.name, model_version_id="1")

        return self.operations.start(request.parent, work)

    def list_models(self, request: types.ListModelsRequest) -> types.ListModelsResponse:
        return types.ListModelsResponse(models=_matching(self.models.values(), request.filter))

    def get_model(self, request: types.GetModelRequest) -> types.Model:
        return _found(self.models, request.name)

    def delete_model(self, request: types.DeleteModelRequest) -> operations_pb2.Operation:
        _found(self.models, request.name)
        for endpoint in self.endpoints.values():
            if any(deployed.model == request.name for deployed in endpoint.deployed_models):
                raise RefusedError("The Model is deployed on an Endpoint; undeploy it first.")
        self.calls.append("DeleteModel")
        return self.operations.start(_parent(request.name), lambda: self._drop_model(request.name))

    def create_endpoint(self, request: types.CreateEndpointRequest) -> operations_pb2.Operation:
        endpoint = types.Endpoint(request.endpoint)
        endpoint.name = f"{request.parent}/endpoints/{next(self._numbers)}"
        endpoint.create_time = datetime.now(UTC)
        self.calls.append("CreateEndpoint")

        def work() -> types.Endpoint:
            self.endpoints[endpoint.name] = endpoint
            return endpoint

        return self.operations.start(request.parent, work)

    def list_endpoints(self, request: types.ListEndpointsRequest) -> types.ListEndpointsResponse:
        found = _matching(self.endpoints.values(), request.filter)
        return types.ListEndpointsResponse(endpoints=found)

    def get_endpoint(self, request: types.GetEndpointRequest) -> types.Endpoint:
        return _found(self.endpoints, request.name)

    def update_endpoint(self, request: types.UpdateEndpointRequest) -> types.Endpoint:
        endpoint = _found(self.endpoints, request.endpoint.name)
        self.calls.append("UpdateEndpoint")
        if "traffic_split" in request.update_mask.paths:
            self._divide(endpoint, dict(request.endpoint.traffic_split))
        return endpoint

    def delete_endpoint(self, request: types.DeleteEndpointRequest) -> operations_pb2.Operation:
        endpoint = _found(self.endpoints, request.name)
        if endpoint.deployed_models:
            raise RefusedError("Endpoint has deployed models; undeploy them first.")
        self.calls.append("DeleteEndpoint")
        return self.operations.start(
            _parent(request.name), lambda: self._drop_endpoint(request.name)
        )

    def deploy_model(self, request: types.DeployModelRequest) -> operations_pb2.Operation:
        endpoint = _found(self.endpoints, request.endpoint)
        model = _found(self.models, request.deployed_model.model)
        self.calls.append("DeployModel")

        def work() -> types.DeployModelResponse:
            specification = model.container_spec
            variables = {variable.name: variable.value for variable in specification.env}
            routes = {
                "AIP_HEALTH_ROUTE": specification.health_route,
                "AIP_PREDICT_ROUTE": specification.predict_route,
            }
            container = self.containers.start(
                specification.image_uri,
                _CONTAINER_VARIABLES | routes | variables,
                specification.health_route,
            )
            deployed = types.DeployedModel(request.deployed_model)
            deployed.id, deployed.create_time = str(next(self._numbers)), datetime.now(UTC)
            self._deployed[deployed.id] = container
            endpoint.deployed_models.append(deployed)
            split = dict(request.traffic_split)
            if "0" in split:
                split[deployed.id] = split.pop("0")
            self._divide(endpoint, split)
            return types.DeployModelResponse(deployed_model=deployed)

        return self.operations.start(request.endpoint, work)

    def undeploy_model(self, request: types.UndeployModelRequest) -> operations_pb2.Operation:
        endpoint = _found(self.endpoints, request.endpoint)
        number, split = request.deployed_model_id, dict(request.traffic_split)
        is_last = len(endpoint.deployed_models) == 1
        remaining = split or dict(endpoint.traffic_split)
        if remaining.get(number) and not is_last:
            raise RefusedError("The DeployedModel still has traffic assigned to it.")
        self.calls.append("UndeployModel")

        def work() -> types.UndeployModelResponse:
            kept = [deployed for deployed in endpoint.deployed_models if deployed.id != number]
            endpoint.deployed_models = kept
            endpoint.traffic_split = {k: v for k, v in remaining.items() if k != number and v}
            self.containers.stop(self._deployed.pop(number))
            return types.UndeployModelResponse()

        return self.operations.start(request.endpoint, work)

    def raw_predict(self, request: types.RawPredictRequest) -> httpbody_pb2.HttpBody:
        endpoint = _found(self.endpoints, request.endpoint)
        split = dict(endpoint.traffic_split)
        if not split:
            raise RefusedError("The Endpoint has no DeployedModel that takes traffic.")
        (number,) = self._random.choices(list(split), list(split.values()))
        deployed = next(one for one in endpoint.deployed_models if one.id == number)
        route = self.models[deployed.model].container_spec.predict_route
        body = request.http_body
        _, kind, content = self._deployed[number].ask("POST", route, body.data, body.content_type)
        return httpbody_pb2.HttpBody(content_type=kind, data=content)

    def handlers(self, rpc: Rpc) -> tuple[grpc.GenericRpcHandler, ...]:
        models = {
            "UploadModel": rpc(self.upload_model, types.UploadModelRequest),
            "ListModels": rpc(self.list_models, types.ListModelsRequest),
            "GetModel": rpc(self.get_model, types.GetModelRequest),
            "DeleteModel": rpc(self.delete_model, types.DeleteModelRequest),
        }
        endpoints = {
            "CreateEndpoint": rpc(self.create_endpoint, types.CreateEndpointRequest),
            "ListEndpoints": rpc(self.list_endpoints, types.ListEndpointsRequest),
            "GetEndpoint": rpc(self.get_endpoint, types.GetEndpointRequest),
            "UpdateEndpoint": rpc(self.update_endpoint, types.UpdateEndpointRequest),
            "DeleteEndpoint": rpc(self.delete_endpoint, types.DeleteEndpointRequest),
            "DeployModel": rpc(self.deploy_model, types.DeployModelRequest),
            "UndeployModel": rpc(self.undeploy_model, types.UndeployModelRequest),
        }
        predictions = {"RawPredict": rpc(self.raw_predict, types.RawPredictRequest)}
        return (
            grpc.method_handlers_generic_handler(f"{_SERVICES}.ModelService", models),
            grpc.method_handlers_generic_handler(f"{_SERVICES}.EndpointService", endpoints),
            grpc.method_handlers_generic_handler(f"{_SERVICES}.PredictionService", predictions),
        )

    def _divide(self, endpoint: types.Endpoint, split: dict[str, int]) -> None:
        known = {deployed.id for deployed in endpoint.deployed_models}
        if sum(split.values()) != 100 or split.keys() - known:
            raise RefusedError("Traffic split percentages must add up to 100 over deployed models.")
        endpoint.traffic_split = split

    def _drop_model(self, name: str) -> None:
        del self.models[name]

    def _drop_endpoint(self, name: str) -> None:
        del self.endpoints[name]


def _matching(resources: Any, expression: str) -> list[Any]:
    """The resources whose label has the value in `labels.KEY="VALUE"`, all without a filter."""
    found = re.fullmatch(r'labels\.([\w-]+)="([^"]*)"', expression)
    if not found:
        return list(resources)
    return [one for one in resources if dict(one.labels).get(found[1]) == found[2]]


def _found(known: dict[str, Any], name: str) -> Any:
    if name not in known:
        raise LookupError(f"{name} is not found.")
    return known[name]


def _parent(name: str) -> str:
    return name.rsplit("/", 2)[0]
