"""Nothing phones home by default: telemetry is off before the libraries are imported.

Every switch is a default only: a variable that the user has set is left alone, so setting it turns
that one on.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import cast

from utils.paths import local_folder

TELEMETRY_OFF = {
    "ZENML_ANALYTICS_OPT_IN": "false",
    "FIFTYONE_DO_NOT_TRACK": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "NO_ALBUMENTATIONS_UPDATE": "1",  # on import it would ask for the newest version
    "ORT_DISABLE_TELEMETRY": "1",  # ONNX Runtime also keeps an id in ~/.cache/Microsoft
    "WANDB_MODE": "disabled",
    "DO_NOT_TRACK": "true",
}


def keep_private() -> None:
    """Switch telemetry off for this process and those it starts.

    Ultralytics keeps its switch in a settings file; it is given one of the project's own, so that
    the user's is not touched (`utils.detection` writes `sync: false` into it).
    """
    for variable, value in TELEMETRY_OFF.items():
        os.environ.setdefault(variable, value)
    # OpenVINO has no switch: it counts every import wherever it finds this package.
    sys.modules.setdefault("openvino_telemetry", cast("ModuleType", None))
    os.environ.setdefault("YOLO_CONFIG_DIR", str(local_folder("ultralytics")))
