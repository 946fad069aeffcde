"""Metrics for Prometheus; every label has few values."""

from __future__ import annotations

import threading

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
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
