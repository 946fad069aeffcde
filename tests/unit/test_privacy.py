"""Nothing phones home unless the user wants it to."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from utils.privacy import TELEMETRY_OFF, keep_private


@pytest.fixture
def untouched(monkeypatch):
    """An environment in which nobody has chosen anything."""
    for variable in (*TELEMETRY_OFF, "YOLO_CONFIG_DIR"):
        monkeypatch.setenv(variable, "")  # so that what the test sets is taken back
        monkeypatch.delenv(variable)


@pytest.mark.usefixtures("untouched")
def test_all_telemetry_is_off_by_default(local_state):
    keep_private()

    assert {variable: os.environ[variable] for variable in TELEMETRY_OFF} == TELEMETRY_OFF
    assert os.environ["YOLO_CONFIG_DIR"] == str(local_state / "ultralytics")


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("variable", [*TELEMETRY_OFF, "YOLO_CONFIG_DIR"])
def test_what_the_user_chose_is_kept(variable, monkeypatch):
    monkeypatch.setenv(variable, "as the user likes")
    keep_private()

    assert os.environ[variable] == "as the user likes"


@pytest.mark.usefixtures("untouched")
def test_the_libraries_heed_the_switches():
    keep_private()
    ask = (
        "from zenml.config.global_config import GlobalConfiguration\n"
        "from mlflow.telemetry.utils import is_telemetry_disabled\n"
        "from huggingface_hub.constants import HF_HUB_DISABLE_TELEMETRY\n"
        "print(GlobalConfiguration().analytics_opt_in, is_telemetry_disabled(),"
        " HF_HUB_DISABLE_TELEMETRY)"
    )
    shown = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)

    assert shown.stdout.splitlines()[-1].split() == ["False", "True", "True"]


def test_openvino_counts_no_import():
    ask = (
        "from utils.privacy import keep_private\n"
        "keep_private()\n"
        "from openvino.tools.ovc import telemetry_utils\n"
        "print(telemetry_utils.tm.Telemetry.__module__)"
    )
    shown = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)

    assert shown.stdout.split() == ["openvino.tools.ovc.telemetry_stub"]
