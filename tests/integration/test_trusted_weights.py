"""Weights run no code: those that could are refused, until the user trusts exactly that file."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.detector import tiny_options
from utils.detection.detector import Detector
from utils.detection.ultralytics.checkpoint import load_weights, resolve_checkpoint
from utils.detection.ultralytics.runs import UltralyticsRun
from utils.detection.ultralytics.train import train_detector
from utils.detection.ultralytics.trust import TRUSTED_WEIGHTS
from utils.errors import ConfigurationError, DetectorError
from utils.files import sha256_of


class Trap:
    """Makes a file as soon as it is unpickled."""

    def __init__(self, sprung: Path) -> None:
        self.sprung = sprung

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.sprung),)


@pytest.fixture
def sprung(tmp_path: Path) -> Path:
    return tmp_path / "sprung"


@pytest.fixture
def trapped(tiny_detector: Detector, sprung: Path, tmp_path: Path) -> Path:
    """A real checkpoint with a trap in it."""
    import torch

    load_weights(tiny_detector.best)  # knows its classes from here on
    content = torch.load(tiny_detector.best, weights_only=False)
    torch.save({**content, "date": Trap(sprung)}, tmp_path / "trapped.pt")
    return tmp_path / "trapped.pt"


def _zipped(trap: Trap, path: Path) -> None:
    import torch

    torch.save({"model": trap}, path)


def _legacy(trap: Trap, path: Path) -> None:
    import torch

    torch.save({"model": trap}, path, _use_new_zipfile_serialization=False)


def _pickled(trap: Trap, path: Path) -> None:
    path.write_bytes(pickle.dumps(trap))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("write", [_zipped, _legacy, _pickled])
def test_a_file_that_would_run_code_is_refused(write: Any, sprung: Path, tmp_path: Path) -> None:
    write(Trap(sprung), tmp_path / "weights.pt")
    with pytest.raises(DetectorError, match=r"weights\.pt is refused: loading it could run code"):
        load_weights(tmp_path / "weights.pt")
    assert not sprung.exists()


def test_an_image_named_as_weights_is_not_said_to_run_code(tmp_path: Path) -> None:
    (tmp_path / "weights.pt").write_bytes(b"\xff\xd8\xff\xe0 JFIF")
    with pytest.raises(DetectorError, match="cannot be loaded as a detector"):
        load_weights(tmp_path / "weights.pt")


def test_a_training_does_not_begin_with_one(trapped: Path, sprung: Path, tiny_dataset: Any) -> None:
    with pytest.raises(DetectorError, match=r"could run code .*posix\.mkdir"):
        train_detector(tiny_dataset, tiny_options(model_checkpoint=str(trapped)))
    assert not sprung.exists()


def test_a_training_does_not_go_on_from_one(trapped: Path, sprung: Path, tmp_path: Path) -> None:
    run = UltralyticsRun("0" * 64, tmp_path / "run")
    kept = run.folder / "kept" / "1"
    kept.mkdir(parents=True)
    trapped.rename(kept / "resume.pt")
    with pytest.raises(DetectorError, match="could run code"):
        run.resume_point()
    assert not sprung.exists()


def test_the_end_of_a_training_does_not_run_the_code_of_its_best_weights(
    trapped: Path, sprung: Path
) -> None:
    from ultralytics.utils.torch_utils import strip_optimizer

    assert strip_optimizer(trapped) == {}
    assert not sprung.exists()


def test_the_remedy_allows_this_file(
    trapped: Path, sprung: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DetectorError) as refused:
        load_weights(trapped)
    variable, _, value = str(refused.value).rpartition(" ")[2].partition("=")
    assert (variable, value) == (TRUSTED_WEIGHTS, sha256_of(trapped))
    monkeypatch.setenv(variable, value)
    assert load_weights(trapped).names == {0: "ship"}
    assert sprung.exists()


def test_the_remedy_allows_no_other_file(
    trapped: Path, sprung: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRUSTED_WEIGHTS, sha256_of(trapped))
    _zipped(Trap(sprung), tmp_path / "other.pt")
    with pytest.raises(DetectorError, match="could run code"):
        load_weights(tmp_path / "other.pt")
    assert not sprung.exists()


def test_a_file_is_not_trusted_by_its_name(trapped: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRUSTED_WEIGHTS, str(trapped))
    with pytest.raises(ConfigurationError, match="is not the SHA-256 of a file"):
        load_weights(trapped)


def test_an_architecture_runs_no_code(sprung: Path, tmp_path: Path) -> None:
    from ultralytics.cfg import __file__ as place

    published = (Path(place).parent / "models" / "v8" / "yolov8.yaml").read_text()
    code = f"nn.SiLU() if __import__('os').mkdir({str(sprung)!r}) else nn.SiLU()"
    (tmp_path / "yolov8n.yaml").write_text(f'{published}\nactivation: "{code}"\n')
    with pytest.raises(DetectorError, match="unsupported activation"):
        load_weights(tmp_path / "yolov8n.yaml")
    assert not sprung.exists()


@pytest.mark.slow
def test_a_training_from_trusted_weights_runs_to_its_end(
    trapped: Path, sprung: Path, tiny_dataset: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TRUSTED_WEIGHTS, sha256_of(trapped))
    detector = train_detector(tiny_dataset, tiny_options(model_checkpoint=str(trapped)))
    assert sprung.exists()
    monkeypatch.delenv(TRUSTED_WEIGHTS)
    assert load_weights(detector.best).names == {0: "ship"}


def test_a_name_is_not_looked_for_in_the_current_folder(
    trapped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DetectorError, match=r"set model_checkpoint: \./trapped\.pt") as refused:
        resolve_checkpoint(tiny_options(model_checkpoint="trapped.pt"))
    named = str(refused.value).rpartition(" ")[2]
    found = resolve_checkpoint(tiny_options(model_checkpoint=named))
    assert found.identity == sha256_of(trapped)


def test_published_weights_are_not_taken_from_the_current_folder(
    trapped: Path, tiny_detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trapped.rename(tmp_path / "yolov8n.pt")
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "yolov8n.pt").write_bytes(tiny_detector.best.read_bytes())
    monkeypatch.chdir(tmp_path)
    options = tiny_options(model_checkpoint="yolov8n.pt", weights_dir=str(weights))
    assert resolve_checkpoint(options).identity == tiny_detector.weights_sha256
