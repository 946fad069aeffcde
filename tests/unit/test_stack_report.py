"""A check that fails, or breaks, keeps no other from running."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from commands.stacks.report import Report
from utils.errors import CloudError

ADDRESS = "https://bob:hunter2@mlflow.org/a"


def refuses() -> str:
    raise CloudError("The bucket does not exist. Make it with: gcloud storage buckets create")


def breaks() -> str:
    raise ValueError("a\nbug")


def test_every_check_has_a_line_and_the_failed_ones_are_counted(capsys):
    report = Report()

    report.check("region", lambda: "europe-west4")
    report.check("bucket", refuses)
    report.check("registry", breaks)
    report.skip("image_builder", "not used")
    with pytest.raises(CloudError) as concluded:
        report.conclude("vertex")

    assert capsys.readouterr().out.splitlines() == [
        "  ✓ region: europe-west4",
        "  ✗ bucket: The bucket does not exist. Make it with: gcloud storage buckets create",
        "  ✗ registry: ValueError: a bug",
        "  – image_builder: not used",
    ]
    assert str(concluded.value) == (
        "2 of 3 checks of the stack 'vertex' failed. Each line with ✗ says how to mend it."
    )


def mentions(error: type[Exception]) -> Callable[[], str]:
    def check() -> str:
        raise error(f"Nothing answers at {ADDRESS}")

    return check


@pytest.mark.parametrize(
    ("check", "line"),
    [
        pytest.param(lambda: f"{ADDRESS} answers", "✓ t: https://mlflow.org/a answers", id="found"),
        pytest.param(
            mentions(CloudError), "✗ t: Nothing answers at https://mlflow.org/a", id="refused"
        ),
        pytest.param(
            mentions(ValueError),
            "✗ t: ValueError: Nothing answers at https://mlflow.org/a",
            id="broken",
        ),
    ],
)
def test_a_password_in_an_address_is_in_no_line(check, line, capsys):
    Report().check("t", check)

    assert capsys.readouterr().out == f"  {line}\n"


def test_a_report_without_failures_says_so(capsys):
    report = Report()
    report.check("region", lambda: "europe-west4")
    report.conclude("vertex")

    assert capsys.readouterr().out.endswith("All 1 checks of the stack 'vertex' passed.\n")
