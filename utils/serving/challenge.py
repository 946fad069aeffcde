"""The challenger of a service on this machine: begun, changed, ended, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Literal

from utils.errors import ServiceError
from utils.progress import progress
from utils.serving.bundle import Bundle
from utils.serving.options import DeploymentOptions
from utils.serving.process import kept_bundle
from utils.serving.running import RunningService, post_as_owner

Outcome = Literal["begun", "changed", "unchanged", "over"]


@dataclass(frozen=True, slots=True)
class ChallengerState:
    """A challenger as its service tells it.

    Attributes:
        version: Version of the challenger.
        digest: Identity of its bundle.
        phase: `starting`, `running`, `full` (it answers all requests), `withdrawn` (by itself,
            beyond a limit) or `dropped` (it did not start again with the service).
        since: Time at which the phase began, ISO 8601 in UTC.
        reason: Why it is in that phase; empty where somebody asked for it.
        shadow: Share of the champion's requests that it predicts, too.
        canary: Share of the requests that it answers.
        full_after: Number of answers after which it answers all; None for never.
        limits: Limits beyond which it is withdrawn.
        figures: Answers, errors and latency of both; empty where it does not run.
    """

    version: str
    digest: str
    phase: str
    since: str
    reason: str
    shadow: float
    canary: float
    full_after: int | None
    limits: dict[str, Any]
    figures: dict[str, Any]

    @property
    def is_over(self) -> bool:
        """Whether it was withdrawn or dropped."""
        return self.phase in ("withdrawn", "dropped")

    @property
    def part(self) -> str:
        """Its part of the requests, in words."""
        if self.phase == "full":
            return "answers all requests"
        parts = [f"answers {self.canary:.0%} of the requests"] if self.canary else []
        if self.shadow:
            parts.append(f"shadows {self.shadow:.0%} of the requests that the champion answers")
        return " and ".join(parts)


def challenger_of(service: RunningService) -> ChallengerState | None:
    """The challenger of a service, or None.

    Raises:
        ServiceError: If the service does not answer.
    """
    told = service.client().model().get("challenger")
    return _state(told) if told else None


def challenge_here(
    service: RunningService, bundle: Bundle, options: DeploymentOptions
) -> tuple[Outcome, ChallengerState]:
    """Run a bundle beside the one in service, with its shares; a second call changes nothing.

    A challenger that was withdrawn is not tried again.

    Args:
        service: The service.
        bundle: Bundle of the challenger.
        options: Shares and limits.

    Raises:
        ServiceError: If the service refuses it, or does not answer.
    """
    before = challenger_of(service)
    wanted = {
        "shadow": options.shadow,
        "canary": options.canary,
        "full_after": options.full_after,
        "limits": options.withdraw.model_dump(),
    }
    if before is not None and before.digest == bundle.digest:
        if before.is_over:
            return "over", before
        if all(getattr(before, name) == value for name, value in wanted.items()):
            return "unchanged", before
    kept = kept_bundle(bundle)
    with progress(f"Starting the challenger, version {bundle.version}"):
        content = {"bundle": str(kept.folder), **wanted}
        status, told = post_as_owner(service, "/admin/challenge", content)
    if status != HTTPStatus.OK:
        raise ServiceError(
            f"Version {bundle.version} does not challenge version {service.served.version}, which "
            f"goes on alone: {told.get('error', '')} Its log says more: {service.log}"
        )
    is_change = before is not None and before.digest == bundle.digest
    return "changed" if is_change else "begun", _state(told)


def end_challenge(service: RunningService) -> ChallengerState | None:
    """End the challenge of a service; returns the challenger that it had, or None.

    Raises:
        ServiceError: If the service does not answer.
    """
    before = challenger_of(service)
    if before is not None:
        post_as_owner(service, "/admin/challenge", {"bundle": None})
    return before


def _state(told: dict[str, Any]) -> ChallengerState:
    told = {"figures": {}, **told}
    return ChallengerState(**{name: told[name] for name in ChallengerState.__dataclass_fields__})
