"""Options are checked before anything is loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from utils.detection.options import InferenceOptions
from utils.detection.ultralytics.options import TrainingOptions


@pytest.mark.parametrize("name", ["lr0", "mosaic", "close_mosaic", "optimizer", "workers"])
def test_any_training_argument_of_ultralytics_is_accepted(name):
    assert TrainingOptions(arguments={name: 1}).arguments == {name: 1}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"mosiac": 1}, "did you mean 'mosaic'", id="misspelt"),
        pytest.param({"epochs": 3}, "write 'epochs' beside 'arguments'", id="has a field"),
        pytest.param({"model": "x"}, "write 'model_checkpoint' beside", id="has another name"),
        pytest.param({"project": "x"}, "'project' is set by Spyglass", id="not for the user"),
        pytest.param({"resume": True}, "'resume' is set by Spyglass", id="automatic"),
    ],
)
def test_an_argument_that_cannot_be_given_is_refused_with_a_remedy(arguments, message):
    with pytest.raises(ValidationError, match=message):
        TrainingOptions(arguments=arguments)


def test_windows_that_do_not_advance_are_refused():
    with pytest.raises(ValidationError, match="must be smaller than tile_size"):
        InferenceOptions(tile_size=100, overlap=100)


def test_options_load_neither_torch_nor_ultralytics():
    code = (
        "import sys; from utils.detection.ultralytics.options import TrainingOptions;"
        "TrainingOptions(arguments={'lr0': 1});"
        "assert not {'torch', 'ultralytics', 'mlflow', 'zenml'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
