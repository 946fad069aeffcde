"""A bundle in Google Cloud: its image is looked for, then deployed where the options say."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from utils.errors import CloudError, ConfigurationError
from utils.serving.options import DeploymentOptions

if TYPE_CHECKING:
    from utils.google_cloud.cloud_run import CloudRun
    from utils.google_cloud.deployments import CloudService
    from utils.google_cloud.endpoints import VertexEndpoints
    from utils.google_cloud.rest import Project
    from utils.serving.bundle import Bundle

_ADDRESS = re.compile(
    r"(?P<location>[a-z0-9-]+)-docker\.pkg\.dev/(?P<project>[^/]+)/(?P<repository>[^/]+)/"
    r"(?P<name>.+):(?P<tag>[^:/]+)"
)
_DIGEST_CHARACTERS = 8
# Vertex AI and Cloud Run let only those in whom the project allows, and use the header themselves.
_ENVIRONMENT = {"SPYGLASS_SERVICE_ACCESS": "open"}


@dataclass(frozen=True, slots=True)
class CloudPlace:
    """A place in Google Cloud with everything that a deployment needs to know.

    Attributes:
        project: Project and credentials.
        region: Region.
        registry: Address of the container registry; empty if only `image` is used.
        service_account: Account that the container runs as, or None for the project's default.
    """

    project: Project
    region: str
    registry: str
    service_account: str | None


def open_place(options: DeploymentOptions) -> CloudPlace:
    """Log in to the project that the options name.

    Raises:
        ConfigurationError: If project or region is not named.
        CloudError: If there are no credentials.
    """
    from utils.google_cloud.credentials import log_in, service_account_of
    from utils.google_cloud.rest import Project

    cloud = options.cloud
    for key in ("project", "region"):
        if not getattr(cloud, key):
            raise ConfigurationError(
                f"deployment.cloud.{key} is not known. Fill in configs/stacks/{cloud.stack}.yaml, "
                f"or name it with: --set deployment.cloud.{key}={key.upper()}"
            )
    credentials, _ = log_in(cloud.project)
    project = Project(str(cloud.project), credentials, service_account_of(credentials))
    return CloudPlace(project, str(cloud.region), cloud.registry or "", cloud.service_account)


def deploy_in_cloud(bundle: Bundle, options: DeploymentOptions) -> CloudService:
    """Deploy a bundle on Vertex AI or Cloud Run; a second call changes nothing.

    Raises:
        ConfigurationError: If the options name no place.
        CloudError: If the image is not in the registry, or Google refuses.
    """
    from utils.google_cloud.cloud_run import CloudRun
    from utils.google_cloud.deployments import Wanted
    from utils.google_cloud.endpoints import VertexEndpoints

    place = open_place(options)
    image = image_of(bundle, options, place)
    require_image(place.project, image, bundle)
    wanted = Wanted(
        model=bundle.model,
        version=bundle.version,
        digest=bundle.digest,
        image=image,
        share=options.share,
        accelerator=options.accelerator,
        least_replicas=options.least_replicas,
        most_replicas=options.most_replicas,
        environment=_ENVIRONMENT,
        service_account=place.service_account,
    )
    if options.where == "vertex":
        return VertexEndpoints(place.project, place.region).deploy(wanted, options.machine)
    run = CloudRun(place.project, place.region)
    return run.deploy(wanted, options.cpus, options.memory_gb)


def cloud_status(model: str, options: DeploymentOptions) -> CloudService | None:
    """The service of a model in the cloud; None where there is none.

    Raises:
        ConfigurationError: If the options name no place.
        CloudError: If Google refuses.
    """
    return _services(options).status(model)


def undeploy_in_cloud(model: str, options: DeploymentOptions) -> bool:
    """Delete the service of a model in the cloud; tells whether there was one.

    Raises:
        ConfigurationError: If the options name no place.
        CloudError: If Google refuses.
    """
    return _services(options).undeploy(model)


def image_of(bundle: Bundle, options: DeploymentOptions, place: CloudPlace) -> str:
    """The address of a bundle's image.

    Raises:
        ConfigurationError: If neither an image nor a registry is named.
    """
    from utils.google_cloud.deployments import resource_name

    if options.image:
        return options.image
    if not place.registry:
        raise ConfigurationError(
            "No container registry is named. Name one with: --set deployment.cloud.registry=ADDRESS"
        )
    tag = f"{resource_name(bundle.version)}-{bundle.digest[:_DIGEST_CHARACTERS]}"
    return f"{place.registry}/{resource_name(bundle.model)}:{tag}"


def require_image(project: Project, image: str, bundle: Bundle) -> None:
    """Check that an image is in Artifact Registry; other registries are not asked.

    Raises:
        CloudError: If it is missing; the message has the commands that build and push it.
    """
    from utils.google_cloud.rest import ask, refusal

    found = _ADDRESS.fullmatch(image)
    if found is None:
        return
    package = found["name"].replace("/", "%2F")
    answer = ask(
        replace(project, id=found["project"]),
        f"https://artifactregistry.googleapis.com/v1/projects/{found['project']}/locations/"
        f"{found['location']}/repositories/{found['repository']}/packages/{package}/tags/"
        f"{found['tag']}",
    )
    if answer.is_missing:
        raise CloudError(f"The image {image} is not in the registry. {how_to_build(image, bundle)}")
    if not answer.is_ok:
        raise refusal(project, answer, "look at images", "roles/artifactregistry.reader")


def how_to_build(image: str, bundle: Bundle) -> str:
    """The commands that build the image of a bundle and push it."""
    folder, name = shlex.quote(str(bundle.root)), shlex.quote(image)
    return (
        f"Build and push it with: docker build --file {folder}/env/docker/Dockerfile --tag {name} "
        f"{folder} && docker push {name}; or without Docker: gcloud builds submit "
        f"--config=deployment/cloudbuild-detector.yaml --substitutions=_IMAGE={name} {folder}"
    )


def _services(options: DeploymentOptions) -> VertexEndpoints | CloudRun:
    from utils.google_cloud.cloud_run import CloudRun
    from utils.google_cloud.endpoints import VertexEndpoints

    place = open_place(options)
    if options.where == "vertex":
        return VertexEndpoints(place.project, place.region)
    return CloudRun(place.project, place.region)
