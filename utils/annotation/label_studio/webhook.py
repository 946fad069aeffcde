"""The webhook by which Label Studio reports that somebody has worked on a task."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from httpx import HTTPError

from utils.annotation.label_studio.connection import ask, explained, url_of

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

    from utils.annotation.project import Project

_ACTIONS = ["ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_CREATED"]


@contextmanager
def registered(client: LabelStudio, project: Project, address: str) -> Iterator[None]:
    """Have Label Studio call an address whenever somebody submits or updates, within a block.

    A webhook of that address that is left from a killed watch is used again.

    Args:
        client: From `connect`.
        project: From `open_project`.
        address: The listener's address as the Label Studio server reaches it.

    Raises:
        LabelStudioError: If the server refuses.
    """
    body = {
        "url": address,
        "project": project.id,
        "send_payload": False,
        "send_for_all_actions": False,
        "actions": _ACTIONS,
        "is_active": True,
    }
    with explained(url_of(client), "Registering the webhook"):
        there = ask(client, "GET", "api/webhooks/", params={"project": project.id})
        same = [hook["id"] for hook in there if hook["url"] == address]
        number = same[0] if same else ask(client, "POST", "api/webhooks/", json=body)["id"]
    try:
        yield
    finally:
        # The answer to a DELETE has no content, which `ask` would take for a fault; and a server
        # that has gone away calls nobody.
        http = client._client_wrapper.httpx_client
        with suppress(HTTPError):
            http.request(f"api/webhooks/{number}/", method="DELETE")
