"""The verdict on one version: drift, none, or none to be had, with what has to be done then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from utils.monitoring.drift import Drift
from utils.monitoring.options import DriftOptions
from utils.monitoring.quantities import title_of

_PINS = "'fractions.pinned.test=[SCENE, SCENE]'"
MORE_SCENES = f"python run.py --training --local --set {_PINS}"
_MORE_WINDOWS = "python run.py --monitor --set monitoring.period.windows={windows}"

Kind = Literal["drifted", "no drift", "waits", "partly blind", "blind", "nothing compared"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict of a look on the drift of a version.

    Attributes:
        kind: `drifted`; `no drift`; `waits` for more windows; `blind` or `partly blind` where the
            samples cannot show a drift of any or of some quantities; `nothing compared`.
        sentence: The verdict in words, without the name of the version.
    """

    kind: Kind = "nothing compared"
    sentence: str = "no verdict: nothing was compared."

    @property
    def is_lacking(self) -> bool:
        """Whether drift can go unseen until somebody does something about it."""
        return self.kind in ("blind", "partly blind", "nothing compared")


@dataclass(frozen=True, slots=True)
class Samples:
    """The two samples that were compared.

    Attributes:
        windows: Number of windows now.
        groups: Number of requests or scenes that they come from.
        reference_windows: Number of windows of the test split.
        reference_groups: Number of scenes that they come from.
        left_out: Number of windows that a client asked fewer objects of.
    """

    windows: int
    groups: int
    reference_windows: int
    reference_groups: int
    left_out: int = 0


def verdict_of(drifts: Sequence[Drift], samples: Samples, options: DriftOptions) -> Verdict:
    """Say whether a version drifted, or why that cannot be said.

    Args:
        drifts: Each quantity, compared with the reference.
        samples: The windows that were compared.
        options: The rule.
    """
    if samples.windows < options.least_windows:
        return _waits(drifts, samples, options)
    found = [one for one in drifts if one.found]
    unseen = [one for one in drifts if not one.found and not one.can_be_found]
    judged = [one for one in drifts if not one.found and one.can_be_found]
    parts = [f"drifted: {_titles(found)}"] if found else []
    if judged and not found:
        parts.append(_no_drift(judged, samples))
    if unseen:
        titles = f" on {_titles(unseen)}" if len(unseen) < len(drifts) else ""
        parts.append(f"no verdict{titles}: {_lacking(unseen, samples)}")
    sentence = f"{'; '.join(parts)}."
    if found:
        return Verdict("drifted", sentence)
    if unseen:
        return Verdict("partly blind" if judged else "blind", sentence)
    return Verdict("no drift", sentence)


def _waits(drifts: Sequence[Drift], samples: Samples, options: DriftOptions) -> Verdict:
    told = (
        f"no verdict: {_counted(samples.windows, 'window')} of the {options.least_windows} that it "
        "takes"
    )
    if samples.left_out:
        told += f"; {samples.left_out:,} are left out: a client asked for fewer objects"
    if unseen := [one for one in drifts if one.reference_limit > 1]:
        return Verdict("blind", f"{told}. More alone will not do: {_few_scenes(unseen, samples)}.")
    return Verdict("waits", f"{told}.")


def _no_drift(judged: Sequence[Drift], samples: Samples) -> str:
    limit = max(one.ks_limit for one in judged)
    return (
        f"no drift in {_counted(len(judged), 'quantity', 'quantities')} of "
        f"{_counted(samples.windows, 'window')}, where Kolmogorov–Smirnov distances below "
        f"{limit:.2f} may go unseen"
    )


def _lacking(unseen: Sequence[Drift], samples: Samples) -> str:
    """Say which of both samples is too small for a limit that can be reached."""
    worst = max(unseen, key=lambda one: one.ks_limit)
    if worst.reference_worth <= worst.worth:
        return f"{_only_large(unseen)}, since {_few_scenes(unseen, samples)}"
    more = _MORE_WINDOWS.format(windows=4 * samples.windows)
    groups = _counted(samples.groups, "request or scene", "requests or scenes")
    return (
        f"{_only_large(unseen)}, since the {_counted(samples.windows, 'window')} of {groups} are "
        f"worth {worst.worth:.1f} independent ones. Predict more that differ, and compare more "
        f"with: {more}"
    )


def _few_scenes(unseen: Sequence[Drift], samples: Samples) -> str:
    scenes = max(one.least_groups for one in unseen)
    enough = f"About {scenes} scenes would do. " if scenes > samples.reference_groups else ""
    worth = min(one.reference_worth for one in unseen)
    return (
        f"the {_counted(samples.reference_windows, 'window')} of the test split come from "
        f"{_counted(samples.reference_groups, 'scene')} and are worth {worth:.1f} independent "
        f"ones. {enough}Label more, or move some to test, with: {MORE_SCENES}. Then promote and "
        "deploy the new version"
    )


def _only_large(unseen: Sequence[Drift]) -> str:
    # No Kolmogorov–Smirnov distance reaches its limit, but a Wasserstein distance has no bound.
    least = min(one.wasserstein_limit for one in unseen)
    return f"only a change by {least:.1f} standard deviations or more could be found"


def _titles(drifts: Sequence[Drift]) -> str:
    ordered = sorted(drifts, key=lambda one: -one.excess)
    return ", ".join(title_of(one.quantity) for one in ordered)


def _counted(count: int, noun: str, nouns: str = "") -> str:
    return f"1 {noun}" if count == 1 else f"{count:,} {nouns or noun + 's'}"
