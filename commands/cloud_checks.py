"""The checks of a stack's parts on Google Cloud.

Import this module inside functions: it loads Google's client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from zenml.client import Client
from zenml.enums import StackComponentType
from zenml.models import ComponentResponse, ServiceConnectorResponse, StackResponse

from commands.job_settings import JobSettings
from commands.stack_report import Report
from utils.errors import CloudError
from utils.google_cloud.accelerators import check_accelerator, check_quota
from utils.google_cloud.apis import check_apis
from utils.google_cloud.bucket import check_bucket
from utils.google_cloud.credentials import log_in, refreshed
from utils.google_cloud.regions import check_region
from utils.google_cloud.registry import check_registry
from utils.google_cloud.rest import Project

# By kind and flavor: the API that a component uses.
_APIS = {
    (StackComponentType.ORCHESTRATOR, "vertex"): "aiplatform.googleapis.com",
    (StackComponentType.STEP_OPERATOR, "vertex"): "aiplatform.googleapis.com",
    (StackComponentType.ARTIFACT_STORE, "gcp"): "storage.googleapis.com",
    (StackComponentType.CONTAINER_REGISTRY, "gcp"): "artifactregistry.googleapis.com",
    (StackComponentType.IMAGE_BUILDER, "gcp"): "cloudbuild.googleapis.com",
}
# Where the GPUs of a region and the quota for them can be looked up.
_ACCELERATOR_APIS = ["compute.googleapis.com", "cloudquotas.googleapis.com"]
_REGION_KEYS = {
    StackComponentType.ORCHESTRATOR: "location",
    StackComponentType.STEP_OPERATOR: "region",
}

_Check = tuple[str, Callable[[Project], str]]


def check_cloud(report: Report, stack: StackResponse, jobs: JobSettings) -> None:
    """Check credentials, APIs, bucket, registry, region and GPU, as far as the stack has them."""
    parts = [
        component
        for kind, components in stack.components.items()
        for component in components
        if (kind, component.flavor_name) in _APIS
    ]
    if not parts:
        return
    projects: list[Project] = []
    report.check("credentials", partial(_log_in, parts, projects))
    for subject, check in _checks(parts, jobs):
        if projects:
            report.check(subject, partial(check, projects[0]))
        else:
            report.skip(subject, "not tried without credentials")


def _checks(parts: list[ComponentResponse], jobs: JobSettings) -> Iterator[_Check]:
    """What to check, each as a subject and a function of the project."""
    region = next((found for part in parts if (found := _region(part))), None)
    apis = sorted({_APIS[part.type, part.flavor_name] for part in parts})
    on_gpu = _accelerator_checks(region, jobs) if region else []
    yield "APIs", partial(check_apis, apis=[*apis, *(_ACCELERATOR_APIS if on_gpu else [])])
    for part in parts:
        subject = f"{part.type.value} '{part.name}'"
        if part.type is StackComponentType.ARTIFACT_STORE:
            path = str(part.configuration["path"])
            yield subject, partial(check_bucket, uri=path, region=region)
        elif part.type is StackComponentType.CONTAINER_REGISTRY:
            yield subject, partial(check_registry, uri=str(part.configuration["uri"]))
        elif place := _region(part):
            yield subject, partial(check_region, region=place)
    yield from on_gpu


def _accelerator_checks(region: str, jobs: JobSettings) -> list[_Check]:
    checks: list[_Check] = []
    for wanted in jobs.accelerators:
        spot = " (spot)" if wanted.is_spot else ""
        subject = f"{wanted.count} x {wanted.type}{spot}"
        checks += [
            (subject, partial(check_accelerator, region=region, accelerator=wanted)),
            (f"{subject}, quota", partial(check_quota, region=region, accelerator=wanted)),
        ]
    return checks


def _log_in(parts: list[ComponentResponse], projects: list[Project]) -> str:
    """Log in as those who submit the jobs, and put the project into `projects`."""
    name = _first(parts, "project")
    connector = next((part.connector for part in parts if part.connector), None)
    if connector:
        credentials, name = _connected(connector, name)
    else:
        credentials, found = log_in(name, _first(parts, "service_account_path"))
        name = name or found
    if name is None:
        raise CloudError(
            "No project is named. Write project into the orchestrator's configuration; "
            "yours are listed by: gcloud projects list"
        )
    projects.append(Project(name, credentials))
    through = f", through the connector '{connector.name}'" if connector else ""
    return f"{projects[0].account}, refreshed just now{through}"


def _connected(connector: ServiceConnectorResponse, project: str | None) -> tuple[Any, str | None]:
    remedy = f"zenml service-connector verify {connector.name}"
    try:
        instance: Any = Client().get_service_connector_client(
            connector.id, resource_type="gcp-generic"
        )
        credentials = instance.connect(verify=False)
        project = project or instance.config.gcp_project_id
    except Exception as error:  # what ZenML says may repeat what the connector keeps
        raise CloudError(
            f"The connector '{connector.name}' gives no credentials ({type(error).__name__}). "
            f"See why with: {remedy}"
        ) from None
    return refreshed(credentials, remedy), project


def _region(part: ComponentResponse) -> str | None:
    key = _REGION_KEYS.get(part.type)
    return part.configuration.get(key) if key else None


def _first(parts: list[ComponentResponse], key: str) -> str | None:
    return next((part.configuration[key] for part in parts if part.configuration.get(key)), None)
