"""Vertex's pipeline jobs: the tasks of a compiled pipeline, each a custom job."""

from __future__ import annotations

import json
from collections.abc import Callable
from threading import Event, Thread
from typing import Any

from google.cloud.aiplatform_v1.types import CustomJob, PipelineJob, PipelineState
from google.protobuf import json_format
from google.rpc import code_pb2, status_pb2

from tests.emulators.vertex_jobs import RanJob

Submit = Callable[[CustomJob], RanJob]
_UNDER_WAY = (PipelineState.PIPELINE_STATE_PENDING, PipelineState.PIPELINE_STATE_RUNNING)


class RanPipeline:
    """A pipeline job: starts each task when those it depends on have succeeded.

    Attributes:
        resource: As it was submitted, with its name, state and error.
        jobs: The custom job of each task that was started, by task; a retried task has its last.
    """

    def __init__(self, resource: PipelineJob, submit: Submit) -> None:
        self.resource = resource
        self.jobs: dict[str, RanJob] = {}
        self._submit = submit
        self._cancelled = Event()
        self._ended = Event()
        specification = json_format.MessageToDict(PipelineJob.pb(resource).pipeline_spec)
        self._components = specification["components"]
        self._executors = specification["deploymentSpec"]["executors"]
        self._tasks: dict[str, dict[str, Any]] = specification["root"]["dag"]["tasks"]
        self._done = {name: Event() for name in self._tasks}

    def start(self) -> None:
        """Queue it; it runs by itself."""
        self.resource.state = PipelineState.PIPELINE_STATE_PENDING
        Thread(target=self._run, daemon=True).start()

    def cancel(self) -> None:
        """Start no more tasks and end those that run."""
        if self.resource.state in _UNDER_WAY:
            self.resource.state = PipelineState.PIPELINE_STATE_CANCELLING
            self._cancelled.set()
            for job in list(self.jobs.values()):
                job.cancel()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until it has ended; returns whether it has."""
        return self._ended.wait(timeout_s)

    def _run(self) -> None:
        self.resource.state = PipelineState.PIPELINE_STATE_RUNNING
        threads = [Thread(target=self._run_task, args=(name,)) for name in self._tasks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        failed = [name for name in self.jobs if not self._succeeded(name)]
        if self._cancelled.is_set():
            self.resource.state = PipelineState.PIPELINE_STATE_CANCELLED
        elif failed:
            self.resource.error = status_pb2.Status(
                code=code_pb2.FAILED_PRECONDITION, message=self._failure(failed)
            )
            self.resource.state = PipelineState.PIPELINE_STATE_FAILED
        else:
            self.resource.state = PipelineState.PIPELINE_STATE_SUCCEEDED
        self._ended.set()

    def _run_task(self, name: str) -> None:
        task = self._tasks[name]
        before = task.get("dependentTasks", [])
        for dependency in before:
            self._done[dependency].wait()
        try:
            if all(self._succeeded(dependency) for dependency in before):
                self._attempt(name, 1 + int(task.get("retryPolicy", {}).get("maxRetryCount", 0)))
        finally:
            self._done[name].set()

    def _attempt(self, name: str, times: int) -> None:
        """Start the job of a task until it succeeds, at most so many times."""
        for _ in range(times):
            if self._cancelled.is_set() or self._succeeded(name):
                return
            self.jobs[name] = self._submit(self._custom_job(name))
            self.jobs[name].wait()

    def _failure(self, failed: list[str]) -> str:
        """Vertex' report of a pipeline: the failed tasks, and the cause of the first."""
        error = self.jobs[failed[0]].resource.error
        return (
            f"The DAG failed because some tasks failed. The failed tasks are: "
            f"[{', '.join(failed)}].; AiPlatformException: code={code_pb2.Code.Name(error.code)}, "
            f"message={error.message}, cause=null; Task name: {failed[0]}"
        )

    def _succeeded(self, name: str) -> bool:
        return name in self.jobs and self.jobs[name].state == "SUCCEEDED"

    def _custom_job(self, name: str) -> CustomJob:
        task = self._tasks[name]
        component = self._components[task["componentRef"]["name"]]
        container = self._executors[component["executorLabel"]]["container"]
        arguments = container.get("args", [])
        if "--payload" in arguments:  # a task that is a custom job by its own wish
            payload = arguments[arguments.index("--payload") + 1]
            description = json.loads(self._filled(payload, _parameters(component, task)))
        else:
            description = _container_job(name, container)
        filled = self._filled(json.dumps(_without_empty(description)), {})
        return CustomJob(json_format.Parse(filled, CustomJob.pb(CustomJob())))

    def _filled(self, text: str, parameters: dict[str, Any]) -> str:
        """The text with values in place of the placeholders of kfp."""
        run = self.resource.name.rpartition("/")[2]
        values = {
            "pipeline_job_name": run,
            "pipeline_job_resource_name": self.resource.name,
            "pipeline_job_uuid": run,
            **{f"inputs.parameters['{key}']": value for key, value in parameters.items()},
            "runtime_config.persistent_resource_id": "",
        }
        for key, value in values.items():
            shown = value if isinstance(value, str) else json.dumps(value)
            text = text.replace(f"{{{{$.{key}}}}}", shown)
        return text


def _parameters(component: dict[str, Any], task: dict[str, Any]) -> dict[str, Any]:
    """The values of a task's parameters: given, else default, else null."""
    defined = component["inputDefinitions"]["parameters"]
    given = task.get("inputs", {}).get("parameters", {})
    values = {name: definition.get("defaultValue") for name, definition in defined.items()}
    return values | {
        name: value["runtimeValue"]["constant"]
        for name, value in given.items()
        if "constant" in value.get("runtimeValue", {})
    }


def _container_job(name: str, container: dict[str, Any]) -> dict[str, Any]:
    """The custom job as which Vertex runs a plain container task."""
    specification = {
        "image_uri": container["image"],
        "command": container.get("command", []),
        "args": container.get("args", []),
        "env": container.get("env", []),
    }
    pool = {"machine_spec": {"machine_type": "e2-standard-4"}, "container_spec": specification}
    return {"display_name": name, "job_spec": {"worker_pool_specs": [pool]}}


def _without_empty(value: Any) -> Any:
    """The same without null, "" and empty parts, as Google's launcher sends it."""
    if isinstance(value, dict):
        kept = {key: _without_empty(part) for key, part in value.items()}
        return {key: part for key, part in kept.items() if part not in (None, "", [], {})}
    if isinstance(value, list):
        return [_without_empty(part) for part in value]
    return value
