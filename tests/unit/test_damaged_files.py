"""Damaged files of Spyglass's own: one sentence with a remedy, or made again with a word."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from commands.retraining.failures import Failure, _path
from tests.builders import make_tile
from tests.evaluations import make_evaluation
from utils.annotation.label_studio.account import account_in
from utils.annotation.label_studio.installation import DATABASE
from utils.detection.detector import Detector
from utils.detection.ultralytics.runs import UltralyticsRun
from utils.errors import DatasetError, DetectorError
from utils.evaluation.evaluation import Evaluation
from utils.evaluation.promotion import Promotion
from utils.state_files import read_state
from utils.tiling.manifest import TileManifest

DAMAGED = {
    "empty": b"",
    "cut short": b'{"epochs": 1',
    "zeros": bytes(40),
    "a list": b"[1, 2]",
    "null": b"null",
    "without its keys": b"{}",
    "other keys": b'{"colour": "red"}',
    "other kinds": b'{"epochs": [], "metrics": 3}',
    "nested without end": b"[" * 100_000,
}


@pytest.fixture(params=DAMAGED.values(), ids=DAMAGED.keys())
def damaged(request: pytest.FixtureRequest) -> bytes:
    return request.param


def number_in(content: dict[str, int]) -> int:
    return content["epochs"] + 0


def test_a_damaged_state_file_is_set_aside_with_a_word(damaged, tmp_path, caplog):
    path = tmp_path / "state.json"
    path.write_bytes(damaged)
    assert read_state(path, number_in, "it is counted again") is None
    assert "state.json was damaged" in caplog.text
    assert "it is counted again" in caplog.text
    assert (tmp_path / "state.json.damaged").read_bytes() == damaged
    assert read_state(path, number_in, "") is None


def test_a_whole_state_file_is_read(tmp_path):
    (tmp_path / "state.json").write_text('{"epochs": 7}')
    assert read_state(tmp_path / "state.json", number_in, "") == 7


def test_a_damaged_note_of_a_failure_lets_the_retraining_be_tried(damaged):
    _path("damaged").write_bytes(damaged)
    assert Failure.last("damaged") is None


def test_a_training_whose_result_and_weights_are_damaged_is_done_again(damaged, tmp_path):
    (tmp_path / "finished.json").write_bytes(damaged)
    run = UltralyticsRun("abc", tmp_path)
    assert run.result() is None
    assert run.progress().epochs == 0


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_table_that_was_cut_short_is_told_with_its_name_and_a_remedy(share, tmp_path):
    tiles = [make_tile(tmp_path / "store", x=64 * number, seed=number) for number in range(3)]
    table = TileManifest.write(tmp_path / "tiles.parquet", ("ship",), tiles)
    content = table.path.read_bytes()
    table.path.write_bytes(content[: int(len(content) * share)])
    for read in (list, len, lambda table: table.class_names, lambda table: table.footer):
        with pytest.raises(DatasetError, match=r"tiles\.parquet is damaged .* --ingest for tiles"):
            read(table)


def test_a_table_with_damaged_rows_is_told(tmp_path):
    tiles = [make_tile(tmp_path / "store", x=64 * number, seed=number) for number in range(3)]
    table = TileManifest.write(tmp_path / "tiles.parquet", ("ship",), tiles)
    content = table.path.read_bytes()
    table.path.write_bytes(content[:20] + bytes(400) + content[420:])
    with pytest.raises(DatasetError, match=r"tiles\.parquet is damaged"):
        list(table)


@pytest.fixture
def detector_folder(tmp_path) -> Path:
    """A saved detector; its weights are zips, as PyTorch's are."""
    weights = tmp_path / "weights.pt"
    with zipfile.ZipFile(weights, "w") as archive:
        archive.writestr("archive/data.pkl", bytes(2000))
    detector = Detector(weights, weights, ("ship",), "detect", 64, "", {}, {}, 1, "", "")
    last = tmp_path / "other.pt"
    last.write_bytes(weights.read_bytes())
    replace(detector, last=last).save(tmp_path / "detector")
    Detector.load(tmp_path / "detector")
    return tmp_path / "detector"


def test_a_damaged_card_of_a_detector_is_told(damaged, detector_folder):
    (detector_folder / "detector.json").write_bytes(damaged)
    with pytest.raises(DetectorError, match=r"--training|Train it again"):
        Detector.load(detector_folder)


@pytest.mark.parametrize("name", ["best.pt", "last.pt"])
@pytest.mark.parametrize("size", [0, 100, 2000])
def test_weights_that_were_cut_short_are_told(name, size, detector_folder):
    whole = (detector_folder / name).read_bytes()
    (detector_folder / name).write_bytes(whole[:size])
    with pytest.raises(DetectorError, match=f"is damaged: {name} is not whole. Train it again"):
        Detector.load(detector_folder)


def test_a_damaged_evaluation_is_told(damaged, tmp_path):
    make_evaluation(tmp_path, mistakes=1).save(tmp_path)
    card = json.loads((tmp_path / "evaluation.json").read_text())
    for content in (damaged, json.dumps({"format": card["format"]}).encode()):
        (tmp_path / "evaluation.json").write_bytes(content)
        with pytest.raises(DetectorError, match=r"evaluation .* python run\.py --evaluate"):
            Evaluation.load(tmp_path)


def test_a_damaged_comparison_is_told(damaged, tmp_path):
    (tmp_path / "promotion.json").write_bytes(damaged)
    with pytest.raises(DetectorError, match=r"python run\.py --promote production"):
        Promotion.load(tmp_path)


def label_studio_database(folder: Path) -> None:
    """The tables of Label Studio that hold its account, as its migrations make them."""
    with sqlite3.connect(folder / DATABASE) as connection:
        connection.execute("CREATE TABLE htx_user (id INTEGER, email TEXT, password TEXT)")
        connection.execute("CREATE TABLE authtoken_token (key TEXT, user_id INTEGER)")
        connection.execute("INSERT INTO htx_user VALUES (1, 'spyglass@example.com', 'old')")
        connection.execute("INSERT INTO authtoken_token VALUES ('old', 1)")


def test_a_lost_account_gets_a_new_token_where_people_have_worked(damaged, tmp_path, caplog):
    label_studio_database(tmp_path)
    (tmp_path / "account.json").write_bytes(damaged)
    account = account_in(tmp_path)
    with sqlite3.connect(tmp_path / DATABASE) as connection:
        [(token,)] = connection.execute("SELECT key FROM authtoken_token")
        [(password,)] = connection.execute("SELECT password FROM htx_user")
    assert token == account.api_key
    assert password.startswith("pbkdf2_sha256$")
    assert "has a new password and a new token" in caplog.text
    assert account_in(tmp_path) == account
    assert json.loads((tmp_path / "account.json").read_text()) == asdict(account)


def test_a_first_account_is_made_without_a_word(tmp_path, caplog):
    account_in(tmp_path)
    assert caplog.text == ""
