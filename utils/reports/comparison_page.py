"""The page of a promotion: the decision, and the evaluations of both sides on the same tiles."""

from __future__ import annotations

from markupsafe import Markup

from utils.evaluation.comparison import Comparison
from utils.evaluation.evaluation import Evaluation
from utils.evaluation.promotion import Promotion
from utils.reports.evaluation_page import evaluation_sections, shown_estimate, summary_of
from utils.reports.page import facts, page, paragraph, section, table


def comparison_page(promotion: Promotion) -> str:
    """Make the page: verdict, scores, rules and classes, then the evaluation of each side."""
    comparison = promotion.comparison
    champion, challenger = comparison.champion, comparison.challenger
    title = "Promoted" if comparison.promotes else "Not promoted"
    names = {
        "challenger": f"The challenger: version {challenger.version}",
        "champion": f"The champion: version {champion.version}",
    }
    return page(
        f"{title}: version {challenger.version} against version {champion.version}",
        comparison.verdict,
        _links(names),
        *_decision(comparison),
        *_evaluation("challenger", names["challenger"], promotion.challenger),
        *_evaluation("champion", names["champion"], promotion.champion),
    )


def _links(names: dict[str, str]) -> Markup:
    link = Markup('<a href="#{}">{}</a>')
    links = Markup(" · ").join(link.format(anchor, name) for anchor, name in names.items())
    return paragraph(Markup("Evaluated on the same tiles, below: {}").format(links))


def _evaluation(anchor: str, name: str, evaluation: Evaluation) -> tuple[Markup, ...]:
    heading = Markup('<h1 id="{}">{}</h1>').format(anchor, name)
    return heading, paragraph(summary_of(evaluation)), *evaluation_sections(evaluation)


def _decision(comparison: Comparison) -> tuple[Markup, ...]:
    return (
        facts(
            {
                f"Champion, {comparison.metric}": shown_estimate(comparison.champion.score),
                f"Challenger, {comparison.metric}": shown_estimate(comparison.challenger.score),
                "Difference": shown_estimate(comparison.difference),
                "Samples it wins": f"{comparison.share_better:.0%}",
            }
        ),
        section("Rules", _rules(comparison)),
        section("By class", _classes(comparison)),
        section("Time", _times(comparison)),
        section(
            "How it was measured",
            paragraph(
                f"Both were evaluated on the same {comparison.tiles:,} tiles of "
                f"{comparison.scenes:,} scenes that neither was trained on, in alternating "
                "batches, on the same machine. Scenes were drawn with replacement, the same for "
                "both (a paired bootstrap)."
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
