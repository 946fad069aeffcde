"""Helpers of the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.emulators.credentials import ACCOUNT, PROJECT
from utils.errors import CloudError
from utils.google_cloud.accelerators import Accelerator

REGION = "europe-west4"
REGISTRY = f"{REGION}-docker.pkg.dev/{PROJECT}/spyglass"
L4 = Accelerator("NVIDIA_L4", 1, is_spot=True)
USER = '"user:$(gcloud config get-value account)"'
MEMBER = f"serviceAccount:{ACCOUNT}"


def told(check: Callable[[], object]) -> str:
    with pytest.raises(CloudError) as refused:
        check()
    return str(refused.value)
