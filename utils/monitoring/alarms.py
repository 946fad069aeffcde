"""Alarms by rule: what is alarming in one look."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from utils.monitoring.options import AlarmOptions
from utils.monitoring.quantities import title_of
from utils.monitoring.watched import Watched


@dataclass(frozen=True, slots=True)
class Alarm:
    """A number beyond the limit of a rule.

    Attributes:
        key: Identity; the alarm is told once, until it is over.
        rule: Name of the rule, as in `AlarmOptions`.
        version: Version, source and role in words.
        sentence: The fault in one sentence.
        value: The number that is alarming.
        limit: The number that it passed.
    """

    key: str
    rule: str
    version: str
    sentence: str
    value: float
    limit: float


def alarms_of(watched: Watched, options: AlarmOptions) -> Iterator[Alarm]:
    """Yield what is alarming about a version.

    A shadow answers nobody, so that only its drift is.
    """
    if options.drift:
        yield from _drift(watched)
    if options.outlier_share is not None and watched.beyond is not None:
        yield from _above(
            watched,
            "outlier_share",
            watched.beyond,
            options.outlier_share,
            f"{watched.beyond:.0%} of the windows are farther from the training set than every "
            f"test tile; at most {options.outlier_share:.0%} may be",
        )
    latency = watched.latency
    if watched.role == "shadow" or latency.requests < options.least_requests:
        return
    if options.p95_ms is not None and latency.p95 is not None:
        yield from _above(
            watched,
            "p95_ms",
            latency.p95,
            options.p95_ms,
            f"5 % of the requests took longer than {latency.p95:,.0f} ms; the limit is "
            f"{options.p95_ms:,.0f} ms",
        )
    if options.error_share is not None:
        share = latency.errors / latency.requests
        yield from _above(
            watched,
            "error_share",
            share,
            options.error_share,
            f"{latency.errors:,} of {latency.requests:,} requests failed; at most "
            f"{options.error_share:.0%} may",
        )


def _drift(watched: Watched) -> Iterator[Alarm]:
    for one in watched.drifted:
        is_ks = one.ks / one.ks_limit >= one.wasserstein / one.wasserstein_limit
        value, limit = (one.ks, one.ks_limit) if is_ks else (one.wasserstein, one.wasserstein_limit)
        name = "Kolmogorov–Smirnov" if is_ks else "Wasserstein"
        yield _alarm(
            watched,
            f"drift: {one.quantity}",
            f"{title_of(one.quantity)} drifted: {name} distance {value:.2f} (limit {limit:.2f}), "
            f"mean {one.mean:.3g} instead of {one.reference_mean:.3g}",
            value,
            limit,
        )


def _above(
    watched: Watched, rule: str, value: float, limit: float, sentence: str
) -> Iterator[Alarm]:
    if value > limit:
        yield _alarm(watched, rule, sentence, value, limit)


def _alarm(watched: Watched, rule: str, sentence: str, value: float, limit: float) -> Alarm:
    key = "/".join((watched.model, watched.version, watched.source, watched.role, rule))
    return Alarm(key, rule, watched.name, f"{sentence}.", value, limit)
