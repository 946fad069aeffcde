"""Items that are set aside, and the limit of their number."""

from __future__ import annotations

import pytest

from utils.errors import TooManyIssuesError
from utils.issues import IssueReport

LIMIT = "source.max_bad_share"


def report_of(set_aside: int, in_part: int) -> IssueReport:
    """A report of small faults, and after them of scenes that were lost."""
    report = IssueReport()
    for number in range(in_part):
        report.add(f"kept-{number}.png", "unusable box", "a box is inverted", set_aside=False)
    for number in range(set_aside):
        report.add(f"lost-{number}.png", "image does not decode", "it is empty")
    return report


@pytest.mark.parametrize(
    ("set_aside", "total", "limit"),
    [
        pytest.param(0, 0, 0.0, id="nothing at all"),
        pytest.param(1, 10, 0.1, id="exactly the limit"),
        pytest.param(10, 10, 1.0, id="anything goes"),
    ],
)
def test_up_to_the_limit_the_work_goes_on(set_aside, total, limit):
    report_of(set_aside, in_part=50).check_share(total, limit, "scenes", LIMIT)


def test_an_item_with_several_faults_counts_once():
    report = report_of(1, 0)
    report.extend(report.issues)
    report.check_share(10, 0.1, "scenes", LIMIT)


@pytest.mark.parametrize(
    ("lost", "usable", "limit"),
    [
        pytest.param(0, 0, 0.0, id="nothing at all"),
        pytest.param(1, 9, 0.1, id="exactly the limit"),
        pytest.param(5, 0, 1.0, id="anything goes"),
    ],
)
def test_up_to_the_limit_labels_may_be_lost(lost, usable, limit):
    losing(lost).check_labels(usable, limit, LIMIT)


def test_beyond_the_limit_lost_labels_stop_the_work_though_no_scene_was_set_aside():
    with pytest.raises(TooManyIssuesError) as caught:
        losing(2).check_labels(9, 0.1, LIMIT)
    assert str(caught.value) == (
        "2 of 11 labels are lost, more than the limit of 10%: "
        "0.txt: a line is no box; 1.txt: a line is no box. "
        "Mend them, or raise the limit: --set source.max_bad_share=0.19"
    )


def test_the_examples_of_lost_labels_are_those_that_lose_most():
    report = losing(3)
    report.add("all.txt", "label without image", "it has no image", set_aside=False, lost=100)
    with pytest.raises(TooManyIssuesError, match=r"limit of 10%: all\.txt: it has no image; 0"):
        report.check_labels(9, 0.1, LIMIT)


def test_names_that_no_table_can_hold_are_escaped():
    report = IssueReport()
    report.add(b"\xff.png".decode("utf-8", "surrogateescape"), "odd", "class '\ud800'")
    (row,) = report.to_rows()
    assert (row["item"], row["detail"]) == ("\\udcff.png", "class '\\ud800'")


def losing(count: int) -> IssueReport:
    """A report of label files that lose one label each."""
    report = IssueReport()
    for number in range(count):
        report.add(
            f"{number}.txt", "label cannot be read", "a line is no box", set_aside=False, lost=1
        )
    return report


def test_beyond_the_limit_the_examples_are_items_that_were_set_aside():
    with pytest.raises(TooManyIssuesError) as caught:
        report_of(4, in_part=5).check_share(10, 0.1, "scenes", LIMIT)
    assert str(caught.value) == (
        "4 of 10 scenes had to be set aside, more than the limit of 10%: "
        "lost-0.png: it is empty; lost-1.png: it is empty; lost-2.png: it is empty. "
        "Mend them, or raise the limit: --set source.max_bad_share=0.4"
    )


def test_the_first_issues_are_of_different_kinds_if_possible():
    report = IssueReport()
    report.add("a", "cut", "short")
    report.add("b", "cut", "shorter")
    report.add("c", "odd", "x" * 900)
    shown = report.examples(3)
    assert shown[0] == "a: short"
    assert len(shown[1]) == 400
    assert shown[2] == "b: shorter"
    assert report.examples(2) == shown[:2]


def test_nothing_left_is_refused_whatever_share_may_be_set_aside():
    report_of(2, 0).check_left(1, "scenes")
    with pytest.raises(TooManyIssuesError, match="None of the scenes can be used, such as lost-0"):
        report_of(2, 0).check_left(0, "scenes")
