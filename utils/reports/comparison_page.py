"""The page of a promotion: a challenger beside the champion, and the decision."""

from __future__ import annotations

from utils.evaluation.comparison import Comparison
from utils.reports.evaluation_page import shown_estimate
from utils.reports.page import Markup, facts, page, paragraph, section, table


def comparison_page(comparison: Comparison) -> str:
    """The page: the verdict, the two scores, the rules and the classes."""
    champion, challenger = comparison.champion, comparison.challenger
    title = "Promoted" if comparison.promotes else "Not promoted"
    return page(
        f"{title}: version {challenger.version} against version {champion.version}",
        comparison.verdict,
        facts(
            {
                f"Champion, {comparison.metric}": shown_estimate(champion.score),
                f"Challenger, {comparison.metric}": shown_estimate(challenger.score),
                "Difference": shown_estimate(comparison.difference),
                "Samples it wins": f"{comparison.share_better:.0%}",
            }
        ),
        section("What is asked", _rules(comparison)),
        section("By class", _classes(comparison)),
        section("Time", _times(comparison)),
        section(
            "How it was measured",
            paragraph(
                f"Both looked at the same {comparison.tiles:,} tiles of {comparison.scenes:,} "
                "scenes that neither has learnt from, in turns, on the same machine. Scenes were "
                "drawn with replacement, the same for both (a paired bootstrap)."
            ),
        ),
    )


def _rules(comparison: Comparison) -> Markup:
    rows = [(rule.name, rule.measured, rule.holds) for rule in comparison.rules]
    return table(["The challenger is", "Measured", "Holds"], rows)


def _classes(comparison: Comparison) -> Markup:
    champion, challenger = comparison.champion.classes, comparison.challenger.classes
    rows = [
        (name, before, challenger[name], challenger[name] - before)
        for name, before in champion.items()
    ]
    return table(["Class", "Champion", "Challenger", "Difference"], rows)


def _times(comparison: Comparison) -> Markup:
    sides = [("champion", comparison.champion), ("challenger", comparison.challenger)]
    rows = [
        (role, side.version, side.milliseconds, side.weights_sha256[:12]) for role, side in sides
    ]
    return table(["", "Version", "Milliseconds per tile", "Weights (SHA-256)"], rows)
