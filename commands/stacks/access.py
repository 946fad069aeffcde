"""Whether this machine may use the cloud of a stack, asked before anything is begun there.

Import this module inside functions: it loads Google's client.
"""

from __future__ import annotations

from zenml.enums import StackComponentType
from zenml.models import StackResponse

from utils.google_cloud.credentials import log_in
from utils.storage.objects import GCS_SCHEME
from utils.storage.store import open_store


def require_access(stack: StackResponse) -> None:
    """Log in to Google Cloud and look into the bucket, where the stack has these.

    ZenML would find out as well, but takes a minute and tells it in tracebacks. A connector is
    ZenML's alone: Spyglass reads and writes buckets with Application Default Credentials.

    Args:
        stack: As registered.

    Raises:
        CloudError: If there are no credentials, or they have expired.
        StoreError: If the bucket is missing or may not be read.
    """
    for component in stack.components.get(StackComponentType.ORCHESTRATOR, []):
        if component.flavor_name == "vertex":
            configuration = component.configuration
            log_in(configuration.get("project"), configuration.get("service_account_path"))
    for component in stack.components.get(StackComponentType.ARTIFACT_STORE, []):
        path = str(component.configuration.get("path", ""))
        if path.startswith(GCS_SCHEME):
            open_store(path).check()
