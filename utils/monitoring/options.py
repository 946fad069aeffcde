"""Options of monitoring, as in `configs/monitoring.yaml`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from utils.options import Options


class DriftOptions(Options):
    """The rule that tells drift from chance."""

    false_alarms: float = Field(default=0.01, gt=0, le=0.5)
    """Share of looks that find drift where there is none, over all quantities together."""

    least_windows: int = Field(default=20, ge=10)
    """Minimum number of windows for a verdict."""

    least_ks: float = Field(default=0.15, ge=0, le=1)
    """Minimum Kolmogorov–Smirnov distance of a drift: with enough windows chance explains no
    difference any more, however small."""

    least_wasserstein: float = Field(default=0.3, ge=0)
    """Minimum Wasserstein distance of a drift, in standard deviations of the reference."""


class PeriodOptions(Options):
    """The predictions of one look."""

    windows: int = Field(default=500, ge=10)
    """Number of the newest windows that are compared with the reference, of each version."""

    days: float = Field(default=30, gt=0)
    """Days that the page goes back."""

    bins: int = Field(default=40, ge=2, le=200)
    """Number of equal stretches of time that its curves have."""


class AlarmOptions(Options):
    """Rules of alarms, and who is told."""

    drift: bool = True
    """Whether drift is an alarm."""

    p95_ms: float | None = Field(default=None, gt=0)
    """Longest latency of 95 % of the requests, in milliseconds."""

    error_share: float | None = Field(default=0.05, ge=0, le=1)
    """Largest share of requests that fail (status 500 and above)."""

    outlier_share: float | None = Field(default=None, ge=0, le=1)
    """Largest share of windows that are farther from the training set than every tile of the test
    split."""

    least_requests: int = Field(default=20, ge=1)
    """Minimum number of requests for an alarm by latency or errors."""

    webhook: str | None = Field(default=None, pattern="^https?://")
    """Address that gets each alarm as JSON, by POST."""

    email: MailOptions | None = None
    """Server and addresses of e-mails; by default none is sent."""

    retries: int = Field(default=3, ge=1)
    """Attempts to tell a webhook or a mail server; the next look tries again."""

    timeout_s: float = Field(default=10, gt=0)
    """Seconds that each attempt may take."""


class MailOptions(Options):
    """E-mail by SMTP. The variable SPYGLASS_SMTP_PASSWORD holds the password."""

    host: str
    """Mail server."""

    port: int = Field(default=587, ge=1, le=65535)
    """Its port."""

    security: Literal["starttls", "tls", "none"] = "starttls"
    """Encryption of the connection; none only for a server on this machine."""

    user: str | None = None
    """User to log in as; by default nobody logs in."""

    sender: str
    """Address that the e-mails come from."""

    to: tuple[str, ...] = Field(min_length=1)
    """Addresses that get them."""


class MonitoringOptions(Options):
    """Options of `--monitor`."""

    period: PeriodOptions = PeriodOptions()
    """Predictions that are looked at."""

    drift: DriftOptions = DriftOptions()
    """The rule that tells drift from chance."""

    alarms: AlarmOptions = AlarmOptions()
    """Alarms, and who is told."""

    pictures: int = Field(default=24, ge=0, le=200)
    """Number of the farthest-out windows that the page lists, with pictures where they are kept."""

    host: str = "127.0.0.1"
    """Address of the page with `--watch`."""

    port: int = Field(default=8765, ge=0, le=65535)
    """Port of the page with `--watch`; a free one is taken where another program has it."""

    every_s: float = Field(default=300, gt=0)
    """Seconds between two looks with `--watch`."""


AlarmOptions.model_rebuild()
MonitoringOptions.model_rebuild()
