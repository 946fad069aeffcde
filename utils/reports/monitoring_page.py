"""The page of monitoring: what is out there, beside what the detector was tested on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from markupsafe import Markup
from PIL import Image

from utils.monitoring.drift import Drift
from utils.monitoring.monitoring import Monitoring
from utils.monitoring.quantities import title_of
from utils.monitoring.reviewed import Reviewed
from utils.monitoring.watched import FarOut, Latency, Stretch, Watched
from utils.reports.evaluation_charts import confusion_table
from utils.reports.monitoring_charts import (
    distribution,
    heat_map,
    legend_of_distributions,
    timeline,
)
from utils.reports.page import (
    NOTHING,
    Cell,
    columns,
    facts,
    joined,
    page,
    paragraph,
    section,
    subsection,
    table,
    warning,
)
from utils.reports.pictures import picture, sheet
from utils.shapes.shapes import Shapes

_OVER_TIME = ("objects", "score", "size", "brightness", "contrast", "sharpness", "outlier")
_MOST_VERSIONS = 6
_CAPTION_LETTERS = 16


def monitoring_page(found: Monitoring, *, refresh_s: float | None = None) -> str:
    """Make the page.

    Args:
        found: One look.
        refresh_s: Seconds after which a browser loads it again; by default never.
    """
    when = time.strftime("%d %b %Y %H:%M:%S UTC", time.gmtime(found.made))
    summary = f"{found.model}: predictions noted out there, beside the test split. As of {when}."
    if refresh_s is not None:
        summary += f" The page loads itself again every {refresh_s:g} s."
    made = page(
        "Monitoring",
        summary,
        _verdict(found),
        facts(_figures(found)),
        joined(map(warning, found.losses)),
        _versions(found),
        *(part for version in found.versions[:_MOST_VERSIONS] for part in _version(version, found)),
    )
    return made if refresh_s is None else _refreshed(made, refresh_s)


def _refreshed(made: str, seconds: float) -> str:
    sign = Markup('<meta http-equiv="refresh" content="{:.0f}">').format(max(seconds, 1))
    return made.replace("<head>", f"<head>{sign}", 1)


def _verdict(found: Monitoring) -> Markup:
    alarms = [warning(f"{alarm.version}: {alarm.sentence}") for alarm in found.alarms]
    verdicts = map(_verdict_on, found.versions[:_MOST_VERSIONS])
    return joined([*(alarms or [paragraph("No alarm.")]), *verdicts])


def _verdict_on(version: Watched) -> Markup:
    """The verdict on a version: a warning where drift could go unseen."""
    told = f"{_capital(version.name)}: {version.verdict.sentence}"
    return warning(told) if version.verdict.is_lacking else paragraph(told)


def _figures(found: Monitoring) -> dict[str, Cell]:
    latest = found.versions[0] if found.versions else None
    slow = latest.latency.p95 if latest else None
    return {
        "Alarms": len(found.alarms),
        "Windows": sum(version.windows for version in found.versions),
        "Requests": sum(version.latency.requests for version in found.versions),
        "Failed": sum(version.latency.errors for version in found.versions),
        "p95": "-" if slow is None else f"{slow:,.0f} ms",
        "Drifted": sum(len(version.drifted) for version in found.versions),
        "No verdict on": sum(map(_without_verdict, found.versions)),
    }


def _without_verdict(version: Watched) -> int:
    return sum(not one.can_be_judged for one in version.drifts)


def _versions(found: Monitoring) -> Markup:
    headings = ["Version", "Windows", "Requests", "Refused", "Failed", "p50 ms", "p95 ms", "p99 ms"]
    rows = (
        (
            version.name,
            version.windows,
            version.latency.requests,
            version.latency.refused,
            version.latency.errors,
            *_times(version.latency),
            _drifted(version),
            _day(version.last),
        )
        for version in found.versions
    )
    return section("By version", table([*headings, "Drifted", "Last noted"], rows))


def _drifted(version: Watched) -> str:
    unknown = _without_verdict(version)
    if not version.drifts or unknown == len(version.drifts):
        return "no verdict"
    return (
        f"{len(version.drifted)}, no verdict on {unknown}" if unknown else f"{len(version.drifted)}"
    )


def _times(latency: Latency) -> tuple[float | None, ...]:
    return latency.p50, latency.p95, latency.p99


def _version(version: Watched, found: Monitoring) -> Iterator[Markup]:
    yield section(f"{_capital(version.name)}: over time", _over_time(version))
    if version.no_reference:
        yield section(
            f"{_capital(version.name)}: compared",
            warning(f"{version.no_reference}.".replace("..", ".")),
        )
    if not version.drifts:
        return
    yield section(f"{_capital(version.name)}: drift", _rule(version, found), _drifts(version))
    yield section(
        f"{_capital(version.name)}: values", legend_of_distributions(), _distributions(version)
    )
    if version.places is not None:
        yield section(
            f"{_capital(version.name)}: places of objects in the window", _places(version)
        )
    if version.reviewed is not None:
        yield section(f"{_capital(version.name)}: reviewed", _reviewed(version.reviewed))
    if version.far_out:
        yield section(
            f"{_capital(version.name)}: farthest from the training set",
            _beyond(version),
            _far_out(version.far_out, found),
        )


def _over_time(version: Watched) -> Markup:
    stretches, starts = version.stretches, [one.start for one in version.stretches]
    latency = {
        name: [getattr(one.latency, name) for one in stretches] for name in ("p50", "p95", "p99")
    }
    counts = {
        "requests": [one.latency.requests for one in stretches],
        "refused": [one.latency.refused for one in stretches],
        "failed": [one.latency.errors for one in stretches],
    }
    usual = {one.quantity: one.reference_mean for one in version.drifts}
    panels = [
        _panel("Latency", "ms", timeline(latency, starts)),
        _panel("Requests", "per stretch", timeline(counts, starts)),
        *(
            _panel(
                title_of(name),
                "mean",
                timeline(
                    {"mean": _means(stretches, name)},
                    starts,
                    {"test split": usual[name]} if name in usual else {},
                ),
            )
            for name in _OVER_TIME
            if any(name in one.means for one in stretches)
        ),
    ]
    return _panels(panels)


def _means(stretches: tuple[Stretch, ...], name: str) -> list[float | None]:
    return [one.means.get(name) for one in stretches]


def _panel(title: str, unit: str, chart: Markup) -> Markup:
    return Markup("<div><h3>{} <small>{}</small></h3>{}</div>").format(title, unit, chart)


def _panels(panels: list[Markup]) -> Markup:
    return Markup('<div class="panels">{}</div>').format(joined(panels))


def _rule(version: Watched, found: Monitoring) -> Markup:
    left_out = ""
    if version.left_out:
        left_out = f" {version.left_out:,} windows are left out: a client asked for fewer objects."
    return paragraph(
        f"The newest {version.compared:,} windows beside {version.reference_windows:,} of the test "
        f"split.{left_out} A quantity drifted if a distance reaches its limit, the larger "
        "of the least distance that matters and of that which chance reaches in "
        f"{found.false_alarms:.0%} of all looks, over all quantities together. No distance of "
        "Kolmogorov and Smirnov is above 1: with such a limit there is no verdict. Worth is the "
        "number of independent values, of the test split and now. The p-value decides nothing."
    )


def _drifts(version: Watched) -> Markup:
    headings = ["Quantity", "", "Mean", "Test split", "KS", "limit", "Wasserstein (SD)", "limit"]
    rows = (
        (
            title_of(one.quantity),
            _found(one),
            one.mean,
            one.reference_mean,
            one.ks,
            one.ks_limit if one.can_be_found else "above 1",
            one.wasserstein,
            one.wasserstein_limit,
            f"{one.p_value:.1g}",
            one.values,
            _worth(one.reference_worth),
            _worth(one.worth),
        )
        for one in sorted(version.drifts, key=lambda one: -one.excess)
    )
    return table([*headings, "p", "Values", "Worth of test", "Worth now"], rows)


def _worth(values: float) -> Cell:
    return f"{values:.1f}" if values < 10 else round(values)


def _found(drift: Drift) -> Cell:
    if drift.found:
        return Markup('<span class="bad">drifted</span>')
    return "-" if drift.can_be_judged else "no verdict"


def _distributions(version: Watched) -> Markup:
    found = {one.quantity for one in version.drifted}
    return _panels(
        [
            _panel(title_of(name), "drifted" if name in found else "", distribution(values))
            for name, values in version.distributions.items()
        ]
    )


def _places(version: Watched) -> Markup:
    if version.places is None:
        return NOTHING
    highest = float(max(np.max(one) for one in version.places))
    now, usual = version.places
    return columns(heat_map(now, "Now", highest), heat_map(usual, "Test split", highest))


def _reviewed(reviewed: Reviewed) -> Markup:
    rows = (
        (name, value, "-" if low is None else f"{low:.3f} to {high:.3f}")
        for name, (value, low, high) in reviewed.metrics.items()
    )
    note = (
        f"{reviewed.windows:,} predicted windows were reviewed, with {reviewed.objects:,} objects. "
        "The intervals (95 %) hold for windows like these: whoever reviews what is uncertain sees "
        "more errors than there are on average."
    )
    return joined(
        [
            paragraph(note),
            table(["", "Value", "Interval"], rows),
            subsection("Confusion", confusion_table(reviewed.confusion, reviewed.class_names)),
        ]
    )


def _beyond(version: Watched) -> Markup:
    share = version.beyond or 0.0
    return paragraph(
        f"{share:.1%} of the windows are farther from the training set than every tile of the test "
        "split (outlier score above 1)."
    )


def _far_out(windows: tuple[FarOut, ...], found: Monitoring) -> Markup:
    """Pictures of the windows, or a table of them where none was kept."""
    pictured = [one for one in windows if one.picture]
    if pictured:
        rest = len(windows) - len(pictured)
        left_out = paragraph(f"Of {rest} more no picture was kept.") if rest else NOTHING
        return joined([sheet(_picture(one, found.folder) for one in pictured), left_out])
    rows = (
        (
            one.image,
            ", ".join(map(str, one.window[:2])),
            one.outlier,
            len(one.scores),
            _day(one.time),
        )
        for one in windows
    )
    return joined(
        [
            paragraph(f"No picture was kept. The service keeps some with: {found.keep}"),
            table(["Image", "At", "Outlier score", "Objects", "When"], rows, names=True),
        ]
    )


def _picture(one: FarOut, folder: Path) -> Markup:
    left, top, width, height = one.window
    name = (
        one.image if len(one.image) < 3 * _CAPTION_LETTERS else one.image[:_CAPTION_LETTERS] + "…"
    )
    caption = f"{one.outlier:.2f}: {name} at {left}, {top}, {_day(one.time)}"
    boxes = np.array(one.boxes).reshape(-1, 4) - [left, top, left, top]
    found = Shapes(boxes, one.classes, np.array(one.scores))
    with Image.open(folder / one.picture) as image:
        return picture(image, (width, height), caption, found=found)


def _day(moment: float) -> str:
    return time.strftime("%d %b %H:%M", time.gmtime(moment))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
