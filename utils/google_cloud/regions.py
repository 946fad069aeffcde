"""Whether a region has Vertex AI.

Import this module inside functions: it loads Google's client.
"""

from __future__ import annotations

from difflib import get_close_matches

from utils.errors import CloudError
from utils.google_cloud.rest import Project, ask_for_all, refusal

_LOCATIONS = "https://aiplatform.googleapis.com/v1/projects/{project}/locations"


def check_region(project: Project, region: str) -> str:
    """Check that Vertex AI lists a region.

    Returns:
        What was found.

    Raises:
        CloudError: If it does not, or nothing can be said.
    """
    answers = ask_for_all(project, _LOCATIONS.format(project=project.id))
    if not answers[-1].is_ok:
        raise refusal(project, answers[-1], "see the regions of Vertex AI", "roles/aiplatform.user")
    known = {
        str(location["locationId"])
        for answer in answers
        for location in answer.content.get("locations", [])
    }
    if region not in known:
        nearest = get_close_matches(region, sorted(known), n=3)
        hint = f" (did you mean {' or '.join(nearest)}?)" if nearest else ""
        raise CloudError(
            f"Vertex AI has no region '{region}'{hint}. Write another one into the stack's file; "
            "all regions shows: gcloud compute regions list"
        )
    return f"Vertex AI is in {region}"
