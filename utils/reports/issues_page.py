"""The page of an issue report: the items that were set aside, and the reasons."""

from __future__ import annotations

from markupsafe import Markup

from utils.issues import IssueReport
from utils.reports.charts import bars
from utils.reports.page import NOTHING, facts, page, paragraph, section, table

_MOST_ROWS = 200


def issues_page(report: IssueReport) -> str:
    """Make the page of issues.

    Args:
        report: The issues; the first 200 are listed, all are counted.
    """
    return page(
        "Issues",
        "Items that were set aside, with reasons. All others were kept.",
        facts({"Issues": len(report), "Items set aside": report.items_set_aside()}),
        issues_section(report),
    )


def issues_section(report: IssueReport) -> Markup:
    """The issues by kind and one by one."""
    if not len(report):
        return section("Issues", paragraph("Nothing was set aside."))
    rows = [
        (issue.item, issue.kind, issue.detail, "whole" if issue.set_aside else "in part")
        for issue in report.issues[:_MOST_ROWS]
    ]
    left_out = len(report) - len(rows)
    return section(
        "Issues",
        bars(report.counts()),
        Markup("<br>"),
        table(["Item", "Kind", "Detail", "Left out"], rows, names=True),
        paragraph(f"and {left_out:,} more") if left_out else NOTHING,
    )
