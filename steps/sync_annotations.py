"""Send tiles and their ground truth to Label Studio."""

from __future__ import annotations

from typing import Annotated

from zenml import log_metadata, step

from steps.annotator import annotator_credentials
from utils.annotation.options import LabelStudioOptions
from utils.issues import IssueReport
from utils.tiling.manifest import TileManifest
