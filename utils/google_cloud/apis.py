"""Whether the APIs that jobs need are on.

Import this module inside functions: it loads Google's client.
"""

from __future__ import annotations

from utils.errors import CloudError
from utils.google_cloud.rest import Project, ask, enable, refusal

_SERVICE_USAGE = "https://serviceusage.googleapis.com/v1"


def check_apis(project: Project, apis: list[str]) -> str:
    """Check that every API is on.

    Args:
        project: Where the jobs run.
        apis: Such as `aiplatform.googleapis.com`; at most 20, which is what one request may ask.

    Returns:
        What was found.

    Raises:
        CloudError: If one is off, or nothing can be said.
    """
    names = [f"projects/{project.id}/services/{api}" for api in apis]
    answer = ask(
        project,
        f"{_SERVICE_USAGE}/projects/{project.id}/services:batchGet",
        parameters={"names": names},
    )
    if not answer.is_ok:
        raise refusal(
            project, answer, "see which APIs are on", "roles/serviceusage.serviceUsageViewer"
        )
    on = {
        service["name"].rpartition("/")[2]
        for service in answer.content.get("services", [])
        if service.get("state") == "ENABLED"
    }
    off = [api for api in apis if api not in on]
    if off:
        raise CloudError(
            f"Off in the project {project.id}: {', '.join(off)}. "
            f"Turn on with: {enable(project, off)}"
        )
    return f"{len(apis)} on in {project.id}"
