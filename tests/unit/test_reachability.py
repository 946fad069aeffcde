"""What jobs on other machines cannot reach is refused before they start."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter

from commands.reachability import check_reachable
from utils.detection.options import TrainingOptions
from utils.errors import ConfigurationError
from utils.scenes.options import SourceOptions


def source(**options: object) -> dict[str, object]:
    return {"source": TypeAdapter(SourceOptions).validate_python(options)}


@pytest.mark.parametrize(
    "parameters",
    [
        pytest.param(source(kind="synthetic"), id="synthetic"),
        pytest.param(source(kind="hugging_face", dataset="owner/name"), id="the hub"),
        pytest.param(source(kind="folder", path="gs://b/scenes"), id="bucket"),
        pytest.param(source(kind="coco", path="gs://b/coco"), id="labelled, in a bucket"),
        pytest.param(source(kind="voc", path="/gcs/b/voc"), id="bucket shown as a folder"),
        pytest.param({"data_source": "gs://b/store"}, id="store"),
        pytest.param({"training": TrainingOptions(model_checkpoint="yolov8n.pt")}, id="published"),
        pytest.param(
            {"training": TrainingOptions(model_checkpoint="gs://b/y.pt", weights_dir="gs://b/w")},
            id="weights in a bucket",
        ),
    ],
)
def test_what_jobs_can_reach_is_fine(parameters):
    check_reachable(parameters)


@pytest.mark.parametrize(
    ("parameters", "key"),
    [
        pytest.param(source(kind="folder", path="/data"), "source.path", id="folder"),
        pytest.param(source(kind="yolo", path="data"), "source.path", id="labelled folder"),
        pytest.param({"data_source": "store"}, "data_source", id="store"),
        pytest.param(
            {"training": TrainingOptions(weights_dir="weights")},
            "training.weights_dir",
            id="weights",
        ),
    ],
)
def test_what_only_this_machine_has_is_refused_by_its_key(parameters, key):
    with pytest.raises(ConfigurationError, match=rf"parameters\.{key}: .*gs://"):
        check_reachable(parameters)


def test_local_datasets_and_weights_are_found_out(tmp_path):
    (tmp_path / "weights.pt").touch()
    local = {
        "source.dataset": source(kind="hugging_face", dataset=str(tmp_path)),
        "training.model_checkpoint": {
            "training": TrainingOptions(model_checkpoint=str(tmp_path / "weights.pt"))
        },
    }
    for key, parameters in local.items():
        with pytest.raises(ConfigurationError, match=rf"parameters\.{key}"):
            check_reachable(parameters)
