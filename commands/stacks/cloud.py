"""The checks of a stack's parts on Google Cloud.

Import this module inside functions: it loads Google's client.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from zenml.client import Client
from zenml.enums import StackComponentType
from zenml.integrations.registry import integration_registry
from zenml.models import ComponentResponse, ServiceConnectorResponse, StackResponse

from commands.stacks.job_settings import JobSettings
from commands.stacks.report import Report
from utils.errors import CloudError
from utils.google_cloud.accelerators import Accelerator, check_accelerator, check_quota
from utils.google_cloud.bucket import check_bucket
from utils.google_cloud.credentials import log_in, refreshed, service_account_of
from utils.google_cloud.project_checks import check_account, check_apis, check_region
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
_ACCOUNT_API = "iam.googleapis.com"
_REGION_KEYS = {
    StackComponentType.ORCHESTRATOR: "location",
    StackComponentType.STEP_OPERATOR: "region",
}
_ACCOUNT_KEYS = {
    StackComponentType.ORCHESTRATOR: "workload_service_account",
    StackComponentType.STEP_OPERATOR: "service_account",
}

_Check = tuple[str, Callable[[Project], str]]


def check_cloud(report: Report, stack: StackResponse, jobs: JobSettings) -> None:
    """Check credentials, APIs, bucket, registry, region and GPU, as far as the stack has them."""
    parts = [
        part for components in stack.components.values() for part in components if is_on_cloud(part)
    ]
    if not parts:
        return
    report.check("ZenML's gcp integration", _check_installed)
    # Filled by the check of the credentials; every later check needs the project.
    projects: list[Project] = []
    report.check("credentials", partial(_log_in, parts, projects))
    if _connector_of(parts):
        report.check("Application Default Credentials", partial(_log_in_by_default, parts))
    for subject, check in _checks(parts, jobs):
        if projects:
            report.check(subject, partial(check, projects[0]))
        else:
            report.skip(subject, "not tried without credentials")


def is_on_cloud(component: ComponentResponse) -> bool:
    """Whether `check_cloud` checks a component."""
    return (component.type, component.flavor_name) in _APIS


def _checks(parts: list[ComponentResponse], jobs: JobSettings) -> Iterator[_Check]:
    """Yield each check as a subject and a function of the project."""
    region = next((found for part in parts if (found := _value(part, _REGION_KEYS))), None)
    accounts = sorted({found for part in parts if (found := _value(part, _ACCOUNT_KEYS))})
    apis = {_APIS[part.type, part.flavor_name] for part in parts}
    on_gpu = _accelerator_checks(region, jobs) if region else []
    apis |= {*(_ACCELERATOR_APIS if on_gpu else ()), *([_ACCOUNT_API] if accounts else ())}
    yield "APIs", partial(check_apis, apis=sorted(apis))
    for part in parts:
        subject = f"{part.type.value} '{part.name}'"
        if part.type is StackComponentType.ARTIFACT_STORE:
            path = str(part.configuration["path"])
            yield subject, partial(check_bucket, uri=path, region=region)
        elif part.type is StackComponentType.CONTAINER_REGISTRY:
            yield subject, partial(check_registry, uri=str(part.configuration["uri"]))
        elif place := _value(part, _REGION_KEYS):
            yield subject, partial(check_region, region=place)
        else:
            yield subject, partial(check_apis, apis=[_APIS[part.type, part.flavor_name]])
    for account in accounts:
        yield "service account", partial(check_account, email=account)
    yield from on_gpu


def _accelerator_checks(region: str, jobs: JobSettings) -> list[_Check]:
    checks: list[_Check] = []
    for wanted in jobs.accelerators:
        if not wanted.count:
            checks.append((wanted.type, partial(_refuse_no_gpu, accelerator=wanted)))
            continue
        spot = " (spot)" if wanted.is_spot else ""
        subject = f"{wanted.count} x {wanted.type}{spot}"
        checks += [
            (subject, partial(check_accelerator, region=region, accelerator=wanted)),
            (f"{subject}, quota", partial(check_quota, region=region, accelerator=wanted)),
        ]
    return checks


def _refuse_no_gpu(project: Project, accelerator: Accelerator) -> str:
    raise CloudError(
        f"Without accelerator_count ZenML asks {project.id} for no GPU, and the job runs on CPU. "
        f"Write accelerator_count: 1 under accelerator_type: {accelerator.type}."
    )


def _log_in(parts: list[ComponentResponse], projects: list[Project]) -> str:
    """Log in as the account that submits the jobs, and put the project into `projects`."""
    name = _first(parts, "project")
    connector = _connector_of(parts)
    if connector:
        projects.append(_connected(connector, name))
        return f"{projects[0].account}, refreshed just now, through '{connector.name}'"
    credentials, found = log_in(name, _first(parts, "service_account_path"))
    name = name or found
    if name is None:
        raise CloudError(
            "No project is named. Write project into the orchestrator's configuration; "
            "yours are listed by: gcloud projects list"
        )
    projects.append(Project(name, credentials, service_account_of(credentials)))
    return f"{projects[0].account}, refreshed just now"


def _log_in_by_default(parts: list[ComponentResponse]) -> str:
    """Log in as everything does that ZenML has no part in: scenes, tiles, weights, kept work."""
    credentials, _ = log_in(_first(parts, "project"))
    return f"{service_account_of(credentials) or 'a user'}, refreshed just now"


def _connector_of(parts: list[ComponentResponse]) -> ServiceConnectorResponse | None:
    return next((part.connector for part in parts if part.connector), None)


def _connected(connector: ServiceConnectorResponse, project: str | None) -> Project:
    """Return the project, with the credentials of a connector."""
    remedy = f"zenml service-connector verify {connector.name}"
    try:
        instance: Any = Client().get_service_connector_client(
            connector.id, resource_type="gcp-generic"
        )
        credentials = instance.connect(verify=False)
        project = project or str(instance.config.gcp_project_id)
        email = getattr(instance.config, "service_account_email", None)
    except Exception as error:  # what ZenML says may repeat what the connector keeps
        raise CloudError(
            f"The connector '{connector.name}' gives no credentials ({type(error).__name__}). "
            f"See why with: {remedy}"
        ) from None
    refreshed(credentials, remedy)
    return Project(project, credentials, email or service_account_of(credentials))


def _check_installed() -> str:
    if not integration_registry.is_installed("gcp"):
        raise CloudError(
            "Its libraries are missing, or of other versions than ZenML wants. "
            "Install them with: uv sync --inexact --extra gcp"
        )
    return "installed"


def _value(part: ComponentResponse, keys: dict[StackComponentType, str]) -> str | None:
    """Return a value of a component; each kind of component has its own key for it."""
    key = keys.get(part.type)
    return part.configuration.get(key) if key else None


def _first(parts: list[ComponentResponse], key: str) -> str | None:
    return next((part.configuration[key] for part in parts if part.configuration.get(key)), None)
