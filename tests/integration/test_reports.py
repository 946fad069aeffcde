"""The pages of runs are within reach: at short paths, in a list, and opened by number."""

from __future__ import annotations

import re
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import pytest
from zenml import pipeline, step
from zenml.client import Client
from zenml.types import HTMLString

import materializers  # noqa: F401  (tells ZenML how the nouns are stored)
from commands.runs.reports import keep_pages, show_reports
from commands.runs.summaries import summary_of
from records.running_step import log_figures
from records.store import note_store
from tests.builders import labeled, make_tile
from utils.dataset.labeled import LabeledDataset
from utils.errors import ConfigurationError
from utils.issues import IssueReport
from utils.paths import local_folder

made: dict[str, LabeledDataset] = {}


@step(enable_cache=False)
def leave_pages() -> tuple[
    Annotated[LabeledDataset, "labeled_dataset"],
    Annotated[LabeledDataset, "checked_dataset"],
    Annotated[IssueReport, "export_issues"],
    Annotated[HTMLString, "label_quality"],
    Annotated[int, "without_a_page"],
]:
    issues = IssueReport()
    for number in range(4):
        issues.add(f"tile-{number}", "no task", "nobody has sent it")
    statistics = {"reviewed": 1, "ground_truth": 0, "unlabeled": 0, "skipped": 0}
    statistics |= {"accepted": 1, "changed": 0, "rejected": 0, "drawn": 0}
    log_figures(statistics, "labeled_dataset")
    return made["labels"], made["labels"], issues, HTMLString("<p>quality</p>"), 1


@pipeline(enable_cache=False)
def leaving_pages() -> None:
    leave_pages()


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> Iterator[dict[str, Path]]:
    """The pages of a run, in a folder of local state of their own."""
    folder = tmp_path_factory.mktemp("reports")
    made["labels"] = LabeledDataset.write(
        folder / "labels.parquet", ["ship"], labeled([make_tile(folder / "tiles", seed=1)])
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPYGLASS_LOCAL", str(folder / "local"))
        run = leaving_pages()
        yield keep_pages(run)


def test_every_page_has_a_short_path(pages):
    assert sorted(pages) == [
        "checked_dataset",
        "export_issues",
        "label_quality",
        "labeled_dataset",
    ]
    assert {path.parent.parent for path in pages.values()} == {local_folder("reports")}
    assert pages["label_quality"].read_text() == "<p>quality</p>"


def test_the_summary_has_the_first_three_issues_and_the_pages(pages, monkeypatch):
    monkeypatch.chdir(local_folder())
    [run] = Client().list_pipeline_runs(pipeline="leaving_pages").items
    lines = summary_of(Client().get_pipeline_run(run.id), pages)

    assert [line for line in lines if "nobody has sent it" in line] == [
        f"    tile-{number}: nobody has sent it" for number in range(3)
    ]
    assert len([line for line in lines if "of the reviewed: 1 accepted" in line]) == 1
    assert f"  page: {pages['labeled_dataset'].relative_to(Path.cwd())}" in lines
    assert f"    all of them: {pages['export_issues'].relative_to(Path.cwd())}" in lines


def test_pages_are_listed_and_opened_by_their_number(pages, capsys, monkeypatch):
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or True)
    show_reports(None)
    listed = dict(re.findall(r"^ +(\d+)  (.+)$", capsys.readouterr().out, re.MULTILINE))
    assert sorted(listed.values()) == [
        "checked dataset",
        "export issues",
        "label quality",
        "labeled dataset",
    ]

    [number] = [number for number, title in listed.items() if title == "label quality"]
    show_reports(int(number))
    assert opened == [pages["label_quality"].resolve().as_uri()]


@pytest.mark.parametrize("number", [-1, 5])
def test_an_unknown_number_is_refused(pages, number):
    with pytest.raises(ConfigurationError, match="only 1 to 4"):
        show_reports(number)


def test_the_dashboard_opens_the_store_of_the_last_run(pages):
    import httpx

    from commands.servers.embedded import open_dashboard, stop_all
    from utils.gate import bearer, token_in

    note_store()
    try:
        address = open_dashboard("/api/v1/runs")
        runs = httpx.get(
            address.partition("?")[0],
            params={"pipeline": "leaving_pages"},
            headers=bearer(token_in(local_folder("dashboard"))),
        )
        assert runs.json()["total"] == 1
    finally:
        stop_all()


def test_without_a_run_the_first_command_is_named(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("SPYGLASS_LOCAL", str(tmp_path))
    show_reports(None)
    assert "python run.py --ingest" in capsys.readouterr().out
