"""Metrics for Prometheus; every label has few values."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_OBJECTS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_SCORES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_OUTLIERS = (0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0, 1.1, 1.25, 1.5, 2.0)
_WEIGHT = 0.05  # of the newest window: the mean of the last twenty or so
_MOST_DRIFTS = 200  # distances of all versions and quantities: no page grows without a bound
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """Counters of one service."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._registry = CollectorRegistry()
        given = {"registry": self._registry}
        self._requests = Counter(
            "spyglass_requests", "Requests answered.", ["route", "method", "status"], **given
        )
        self._seconds = Histogram(
            "spyglass_request_seconds",
            "Time until a request was answered, in seconds.",
            ["route"],
            buckets=_SECONDS,
            **given,
        )
        self._objects = Counter(
            "spyglass_objects", "Objects found by /predict and /scenes.", ["class_name"], **given
        )
        self._waiting = Gauge("spyglass_predictions_in_hand", "Predictions not done.", **given)
        self._restarts = Gauge("spyglass_worker_restarts", "Workers that ended.", **given)
        self._scenes = Gauge("spyglass_scenes", "Scenes by state.", ["state"], **given)
        self._served = Gauge("spyglass_bundle", "Bundle in service.", ["model", "version"], **given)
        self._challenged = Counter(
            "spyglass_challenger_requests",
            "Requests of the challenger by part (canary, shadow) and outcome.",
            ["part", "outcome"],
            **given,
        )
        self._challenger = Gauge(
            "spyglass_challenger", "Challenger of the bundle.", ["version", "phase"], **given
        )
        self._window_objects = Histogram(
            "spyglass_window_objects", "Objects per predicted window.", buckets=_OBJECTS, **given
        )
        self._scores = Histogram("spyglass_scores", "Scores.", buckets=_SCORES, **given)
        self._outliers = Histogram(
            "spyglass_outlier",
            "Outlier score of a window; above 1 it is farther than every test tile.",
            buckets=_OUTLIERS,
            **given,
        )
        quality = "Mean of the last windows, in [0, 1]."
        self._quality = Gauge("spyglass_image_quality", quality, ["measure"], **given)
        told = "Notes that are not there, by reason."
        self._lost = Gauge("spyglass_notes_lost", told, ["reason"], **given)
        drift = ["version", "role", "quantity", "distance"]
        self._drift = Gauge("spyglass_drift", "Distance to the test split.", drift, **given)
        self._drifted = Gauge("spyglass_drifted", "Quantities that drifted.", drift[:2], **given)
        told = "Quantities without a verdict, since the samples are too small."
        self._unjudged = Gauge("spyglass_drift_unjudged", told, drift[:2], **given)
        self._alarms = Gauge("spyglass_alarms", "Alarms of the last look.", **given)
        self._quality_before: dict[str, float] = {}
        self._lock = threading.Lock()

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            route: Path of the route with its parameters by name, or "other".
            method: Method, or "other".
            status: Status of the answer.
            seconds: Time until the answer was complete.
        """
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def found(self, counts: dict[str, int]) -> None:
        """Count objects, by class."""
        for name, count in counts.items():
            self._objects.labels(name).inc(count)

    def challenged(self, part: str, outcome: str) -> None:
        """Count a request of the challenger.

        Args:
            part: `canary` or `shadow`.
            outcome: `answered`, `failed`, or `left out` where it was busy.
        """
        self._challenged.labels(part, outcome).inc()

    def noted(self, windows: Sequence[Mapping[str, Any]]) -> None:
        """Count the windows of one answer, as the worker saw them."""
        for window in windows:
            self._window_objects.observe(len(window["scores"]))
            for score in window["scores"]:
                self._scores.observe(score)
            if window["outlier"] is not None:
                self._outliers.observe(window["outlier"])
            for name in ("brightness", "contrast", "sharpness"):
                gauge = self._quality.labels(name)
                before = self._quality_before.get(name, window[name])
                self._quality_before[name] = before + _WEIGHT * (window[name] - before)
                gauge.set(self._quality_before[name])

    def watched(self, told: Mapping[str, Any], lost: Mapping[str, int]) -> None:
        """Tell what the last look at the notes found.

        Args:
            told: Content of `drift.json`; empty before the first look.
            lost: Number of notes that are not there, by reason.
        """
        for reason, count in lost.items():
            self._lost.labels(reason).set(count)
        self._drift.clear()
        self._drifted.clear()
        self._unjudged.clear()
        self._alarms.set(told.get("alarms", 0))
        left = _MOST_DRIFTS
        for version in told.get("versions", ()):
            names = version["version"], version["role"]
            quantities = version["quantities"]
            self._drifted.labels(*names).set(sum(one["found"] for one in quantities.values()))
            unjudged = sum(not one.get("judged", True) for one in quantities.values())
            self._unjudged.labels(*names).set(unjudged)
            for quantity, one in list(quantities.items())[:left]:
                for distance in ("ks", "wasserstein"):
                    self._drift.labels(*names, quantity, distance).set(one[distance])
            left = max(left - len(quantities), 0)

    def page(
        self,
        *,
        waiting: int,
        restarts: int,
        scenes: dict[str, int],
        served: tuple[str, str] | None,
        challenger: tuple[str, str] | None = None,
    ) -> bytes:
        """The page that Prometheus reads, with some values of this moment."""
        with self._lock:
            self._waiting.set(waiting)
            self._restarts.set(restarts)
            self._scenes.clear()
            for state, count in scenes.items():
                self._scenes.labels(state).set(count)
            self._served.clear()
            if served is not None:
                self._served.labels(*served).set(1)
            self._challenger.clear()
            if challenger is not None:
                self._challenger.labels(*challenger).set(1)
            page: bytes = generate_latest(self._registry)
            return page
