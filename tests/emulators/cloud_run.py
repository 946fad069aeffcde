"""Cloud Run over gRPC: each revision of a service is a container that answers.

Messages and conditions as in the reference of google.cloud.run.v2.Services.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

import grpc
from google.cloud import run_v2
from google.longrunning import operations_pb2
from google.rpc import code_pb2

from tests.emulators.containers import Container, Containers
from tests.emulators.operations import OperationError, Operations
from tests.emulators.vertex_endpoints import RefusedError, Rpc

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,47}[a-z0-9])?")


@dataclass
class CloudRunServices:
    """The services of a project.

    Attributes:
        operations: Long-running operations.
        containers: Containers of the revisions.
        services: Services by resource name.
        revisions: The container of each revision by its name, without those deleted.
        calls: Name of every method that changes something, in order.
    """

    operations: Operations
    containers: Containers
    services: dict[str, run_v2.Service] = field(default_factory=dict)
    revisions: dict[str, Container] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    _templates: dict[str, bytes] = field(default_factory=dict)

    def forget(self) -> None:
        """Begin anew, for the next test."""
        self.containers.stop_all()
        for known in (self.services, self.revisions, self.calls, self._templates):
            known.clear()

    def get(self, request: run_v2.GetServiceRequest) -> run_v2.Service:
        if request.name not in self.services:
            raise LookupError(f"Resource '{request.name}' of kind 'SERVICE' does not exist.")
        return self.services[request.name]

    def create(self, request: run_v2.CreateServiceRequest) -> operations_pb2.Operation:
        name = f"{request.parent}/services/{request.service_id}"
        if name in self.services:
            raise RefusedError(f"Resource '{name}' already exists.")
        if not _NAME.fullmatch(request.service_id):
            raise RefusedError(f"service_id: '{request.service_id}' is not a valid name.")
        self.calls.append("CreateService")
        service = run_v2.Service(request.service)
        service.name, service.create_time = name, datetime.now(UTC)
        service.uri = f"https://{request.service_id}-abcdef-ez.a.run.app"
        return self.operations.start(request.parent, lambda: self._reconciled(service))

    def update(self, request: run_v2.UpdateServiceRequest) -> operations_pb2.Operation:
        before = self.get(run_v2.GetServiceRequest(name=request.service.name))
        self.calls.append("UpdateService")
        service = run_v2.Service(request.service)
        service.uri, service.create_time = before.uri, before.create_time
        return self.operations.start(_parent(before.name), lambda: self._reconciled(service))

    def delete(self, request: run_v2.DeleteServiceRequest) -> operations_pb2.Operation:
        service = self.get(run_v2.GetServiceRequest(name=request.name))
        self.calls.append("DeleteService")

        def work() -> run_v2.Service:
            for container in self.revisions.values():
                self.containers.stop(container)
            self.revisions.clear()
            return self.services.pop(service.name)

        return self.operations.start(_parent(service.name), work)

    def handlers(self, rpc: Rpc) -> tuple[grpc.GenericRpcHandler, ...]:
        methods = {
            "GetService": rpc(self.get, run_v2.GetServiceRequest),
            "CreateService": rpc(self.create, run_v2.CreateServiceRequest),
            "UpdateService": rpc(self.update, run_v2.UpdateServiceRequest),
            "DeleteService": rpc(self.delete, run_v2.DeleteServiceRequest),
        }
        return (grpc.method_handlers_generic_handler("google.cloud.run.v2.Services", methods),)

    def _reconciled(self, service: run_v2.Service) -> run_v2.Service:
        """Start the revision, then send the traffic to it; before, everything is as it was."""
        template = service.template
        self._check(service)
        content = run_v2.RevisionTemplate.serialize(template)
        if self._templates.setdefault(template.revision, content) != content:
            raise OperationError(
                code_pb2.ALREADY_EXISTS,
                f"Revision named '{template.revision}' with different configuration exists.",
            )
        if template.revision not in self.revisions:
            (specification,) = template.containers
            variables = {variable.name: variable.value for variable in specification.env}
            own = {"PORT": "8080", "K_SERVICE": service.name, "K_REVISION": template.revision}
            self.revisions[template.revision] = self.containers.start(
                specification.image, own | variables, specification.startup_probe.http_get.path
            )
        service.latest_ready_revision = f"{service.name}/revisions/{template.revision}"
        service.update_time = datetime.now(UTC)
        service.traffic_statuses = [
            run_v2.TrafficTargetStatus(type_=t.type_, revision=t.revision, percent=t.percent)
            for t in service.traffic
        ]
        self.services[service.name] = service
        return service

    def _check(self, service: run_v2.Service) -> None:
        name = service.name.rpartition("/")[2]
        problems: dict[str, bool] = {
            "The revision name must be prefixed by the name of the enclosing Service.": (
                not service.template.revision.startswith(f"{name}-")
            ),
            "Revision name is longer than 63 characters.": len(service.template.revision) > 63,
            "Traffic must add up to 100 percent.": sum(t.percent for t in service.traffic) != 100,
            "Traffic names a revision that does not exist.": any(
                target.revision not in {*self.revisions, service.template.revision}
                for target in service.traffic
            ),
        }
        for problem, holds in problems.items():
            if holds:
                raise OperationError(code_pb2.INVALID_ARGUMENT, problem)


def _parent(name: str) -> str:
    return name.rsplit("/", 2)[0]
