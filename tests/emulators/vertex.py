"""Vertex AI on this machine: custom jobs, pipeline jobs and endpoints over gRPC; and Cloud Run."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import grpc
from google.cloud.aiplatform_v1 import types
from google.cloud.resourcemanager_v3 import GetProjectRequest, Project
from google.longrunning import operations_pb2
from google.protobuf import empty_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2

from tests.emulators.certificates import Certificate
from tests.emulators.cloud_run import CloudRunServices
from tests.emulators.containers import Containers
from tests.emulators.credentials import PROJECT, PROJECT_NUMBER
from tests.emulators.operations import Operations
from tests.emulators.vertex_endpoints import Endpoints, RefusedError
from tests.emulators.vertex_jobs import Preemption, RanJob
from tests.emulators.vertex_pipelines import RanPipeline

_SERVICES = "google.cloud.aiplatform.v1"
_SUBMISSIONS = ("Create", "Upload", "Deploy", "Update")
Refusal = tuple[grpc.StatusCode, str]


class Vertex:
    """The services and the jobs they were given.

    Attributes:
        jobs: Every custom job, in order of submission; those of pipelines too.
        pipelines: Every pipeline job.
        endpoints: Models and endpoints.
        cloud_run: Services of Cloud Run, an API of its own on the same server.
        containers: Containers of deployed models and revisions.
        port: Port of the gRPC server on 127.0.0.1.
    """

    def __init__(
        self,
        folder: Path,
        certificate: Certificate,
        machine: Mapping[str, str],
        accepts: Callable[[str], bool],
    ) -> None:
        self.jobs: list[RanJob] = []
        self.pipelines: list[RanPipeline] = []
        operations = Operations()
        self._operations = operations
        self.containers = Containers(folder / "containers")
        self.endpoints = Endpoints(operations, self.containers)
        self.cloud_run = CloudRunServices(operations, self.containers)
        self._folder = folder
        self._machine = machine
        self._accepts = accepts
        self._numbers = count(1_000_000_001)
        self._refusals: deque[Refusal] = deque()
        self._failures: list[tuple[str, int, str]] = []
        self._preemptions: list[tuple[str, Preemption]] = []
        self._server = grpc.server(ThreadPoolExecutor(16))
        self._server.add_generic_rpc_handlers(self._handlers())
        credentials = grpc.ssl_server_credentials(
            [(certificate.key.read_bytes(), certificate.path.read_bytes())]
        )
        self.port = self._server.add_secure_port("127.0.0.1:0", credentials)
        self._server.start()

    def job(self, name: str) -> RanJob:
        """The last job whose display name contains `name`."""
        return [job for job in self.jobs if name in job.name][-1]

    def refuse_next(self, code: grpc.StatusCode, message: str) -> None:
        """Answer the next submission with an error."""
        self._refusals.append((code, message))

    def fail_next(self, name: str, code: code_pb2.Code, message: str) -> None:
        """Let the next job whose name contains `name` fail before its machine is there."""
        self._failures.append((name, code, message))

    def preempt_when(self, name: str, condition: Preemption) -> None:
        """Preempt the next job with `name` in its name, if it is a spot job, once it holds."""
        self._preemptions.append((name, condition))

    def forget(self) -> None:
        """End every job and begin anew, for the next test."""
        self.stop_jobs()
        self.jobs.clear()
        self.pipelines.clear()
        self._refusals.clear()
        self._failures.clear()
        self._preemptions.clear()
        self.endpoints.forget()
        self.cloud_run.forget()
        self.containers.images.clear()

    def stop_jobs(self) -> None:
        """End every job that runs."""
        for pipeline in self.pipelines:
            pipeline.cancel()
        for job in self.jobs:
            job.cancel()
        for job in self.jobs:
            job.wait(10)

    def stop(self) -> None:
        """End every job, every container and the server."""
        self.stop_jobs()
        self.containers.stop_all()
        self._server.stop(None).wait()

    def submit(self, resource: types.CustomJob, parent: str) -> RanJob:
        """Queue a custom job."""
        number = next(self._numbers)
        resource.name = f"{parent}/customJobs/{number}"
        job = RanJob(resource, self._folder / str(number), self._machine)
        job.folder.mkdir(parents=True)
        self.jobs.append(job)
        for preemption in [entry for entry in self._preemptions if entry[0] in job.name]:
            self._preemptions.remove(preemption)
            job.preempt_when(preemption[1])
        for failure in [entry for entry in self._failures if entry[0] in job.name]:
            self._failures.remove(failure)
            job.end(types.JobState.JOB_STATE_FAILED, *failure[1:])
            return job
        job.start()
        return job

    def _create_custom_job(self, request: types.CreateCustomJobRequest) -> types.CustomJob:
        return self.submit(request.custom_job, request.parent).resource

    def _get_custom_job(self, request: types.GetCustomJobRequest) -> types.CustomJob:
        return self._found(self.jobs, request.name).resource

    def _cancel_custom_job(self, request: types.CancelCustomJobRequest) -> None:
        self._found(self.jobs, request.name).cancel()

    def _list_custom_jobs(self, _: types.ListCustomJobsRequest) -> types.ListCustomJobsResponse:
        return types.ListCustomJobsResponse(custom_jobs=[job.resource for job in self.jobs])

    def _create_pipeline_job(self, request: types.CreatePipelineJobRequest) -> types.PipelineJob:
        resource = request.pipeline_job
        resource.name = f"{request.parent}/pipelineJobs/{request.pipeline_job_id}"
        pipeline = RanPipeline(resource, lambda job: self.submit(job, request.parent))
        self.pipelines.append(pipeline)
        pipeline.start()
        return resource

    def _get_pipeline_job(self, request: types.GetPipelineJobRequest) -> types.PipelineJob:
        return self._found(self.pipelines, request.name).resource

    def _cancel_pipeline_job(self, request: types.CancelPipelineJobRequest) -> None:
        self._found(self.pipelines, request.name).cancel()

    @staticmethod
    def _get_project(_: GetProjectRequest) -> Project:
        return Project(name=f"projects/{PROJECT_NUMBER}", project_id=PROJECT)

    @staticmethod
    def _found(known: list[Any], name: str) -> Any:
        for one in known:
            if one.resource.name == name:
                return one
        raise LookupError(f"{name} is not found.")

    def _handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        jobs = {
            "CreateCustomJob": self._rpc(self._create_custom_job, types.CreateCustomJobRequest),
            "GetCustomJob": self._rpc(self._get_custom_job, types.GetCustomJobRequest),
            "CancelCustomJob": self._rpc(self._cancel_custom_job, types.CancelCustomJobRequest),
            "ListCustomJobs": self._rpc(self._list_custom_jobs, types.ListCustomJobsRequest),
        }
        pipelines = {
            "CreatePipelineJob": self._rpc(
                self._create_pipeline_job, types.CreatePipelineJobRequest
            ),
            "GetPipelineJob": self._rpc(self._get_pipeline_job, types.GetPipelineJobRequest),
            "CancelPipelineJob": self._rpc(
                self._cancel_pipeline_job, types.CancelPipelineJobRequest
            ),
        }
        operations = {
            "GetOperation": self._rpc(self._operations.get, operations_pb2.GetOperationRequest)
        }
        projects = {"GetProject": self._rpc(self._get_project, GetProjectRequest)}
        return (
            grpc.method_handlers_generic_handler(
                "google.cloud.resourcemanager.v3.Projects", projects
            ),
            grpc.method_handlers_generic_handler(f"{_SERVICES}.JobService", jobs),
            grpc.method_handlers_generic_handler(f"{_SERVICES}.PipelineService", pipelines),
            grpc.method_handlers_generic_handler("google.longrunning.Operations", operations),
            *self.endpoints.handlers(self._rpc),
            *self.cloud_run.handlers(self._rpc),
        )

    def _rpc(self, method: Callable[[Any], Any], request_type: Any) -> grpc.RpcMethodHandler:
        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            metadata = dict(context.invocation_metadata())
            if not self._accepts(metadata.get("authorization", "").removeprefix("Bearer ")):
                context.abort(
                    grpc.StatusCode.UNAUTHENTICATED,
                    "Request had invalid authentication credentials.",
                )
            is_submission = request_type.__name__.startswith(_SUBMISSIONS)
            if is_submission and self._refusals:
                context.abort(*self._refusals.popleft())
            try:
                return method(request)
            except LookupError as missing:
                context.abort(grpc.StatusCode.NOT_FOUND, str(missing))
            except RefusedError as refused:
                context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(refused))

        return grpc.unary_unary_rpc_method_handler(
            answer,
            request_deserializer=_deserializer(request_type),
            response_serializer=_serialized,
        )


def _serialized(answer: Any) -> bytes:
    if answer is None:
        return empty_pb2.Empty().SerializeToString()
    if isinstance(answer, Message):
        return answer.SerializeToString()
    return type(answer).serialize(answer)


def _deserializer(request_type: Any) -> Any:
    """Requests of proto-plus have a `deserialize`, those of Google's common protocols do not."""
    return getattr(request_type, "deserialize", None) or request_type.FromString
