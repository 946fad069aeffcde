"""Alarms told to people: once each, by a webhook and by e-mail, tried again where that fails."""

from __future__ import annotations

import json
import os
import smtplib
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from email.message import EmailMessage
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from utils.files import write_whole
from utils.masking import without_secrets
from utils.monitoring.alarms import Alarm
from utils.monitoring.options import AlarmOptions, MailOptions
from utils.project_commands import for_project
from utils.state_files import read_state

PASSWORD_VARIABLE = "SPYGLASS_SMTP_PASSWORD"  # noqa: S105 (the name of a variable)
_ANSWER_BYTES = 65_536  # read of an answer at most, which tells nothing but its status
_FIRST_PAUSE = 0.5  # seconds before another attempt; doubled after each
_WEBHOOK, _EMAIL = "webhook", "e-mail"

Tell = Callable[[Sequence[Alarm]], None]


class _NotTold(Exception):  # noqa: N818 - an event, tried again
    """An attempt that failed, with the reason."""


@dataclass(frozen=True, slots=True)
class Told:
    """The outcome of telling.

    Attributes:
        new: Alarms that no earlier look had.
        over: Keys of alarms that earlier looks had, and this one has not.
        told: Ways by which somebody was told now.
        failures: Ways that failed, each with the reason in one sentence.
    """

    new: tuple[Alarm, ...] = ()
    over: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Memory:
    """The ways by which each alarm was told, by its key."""

    alarms: dict[str, list[str]] = field(default_factory=dict)


def tell(model: str, alarms: Sequence[Alarm], options: AlarmOptions, memory: Path) -> Told:
    """Tell each alarm once by each way, until it is over; what fails is left to the next look.

    Args:
        model: Name of the model.
        alarms: Alarms of this look.
        options: Who is told, and by which way.
        memory: File that holds what was told already.
    """
    before = read_state(memory, lambda content: _Memory(**content), "alarms are told again")
    known = {} if before is None else before.alarms
    now = {alarm.key: list(known.get(alarm.key, [])) for alarm in alarms}
    told, failures = [], []
    for way, send in _ways(model, options).items():
        waiting = [alarm for alarm in alarms if way not in now[alarm.key]]
        if not waiting:
            continue
        try:
            _insist(send, waiting, options.retries)
        except _NotTold as failure:
            failures.append(
                f"The alarms could not be told by {way}: {failure} The next look tries again."
            )
            continue
        told.append(way)
        for alarm in waiting:
            now[alarm.key].append(way)
    write_whole(memory, json.dumps(asdict(_Memory(now)), indent=1))
    new = tuple(alarm for alarm in alarms if alarm.key not in known)
    return Told(new, tuple(sorted(known.keys() - now.keys())), tuple(told), tuple(failures))


def _ways(model: str, options: AlarmOptions) -> dict[str, Tell]:
    ways: dict[str, Tell] = {}
    if (address := options.webhook) is not None:
        ways[_WEBHOOK] = lambda alarms: _post(address, model, alarms, options.timeout_s)
    if (mail := options.email) is not None:
        ways[_EMAIL] = lambda alarms: _mail(mail, model, alarms, options.timeout_s)
    return ways


def _insist(send: Tell, alarms: Sequence[Alarm], attempts: int) -> None:
    """Try several times.

    Raises:
        _NotTold: If the last attempt fails, too.
    """
    pause = _FIRST_PAUSE
    for left in reversed(range(attempts)):
        try:
            send(alarms)
        except _NotTold:
            if not left:
                raise
            time.sleep(pause)
            pause *= 2
        else:
            return


def content_of(model: str, alarms: Sequence[Alarm]) -> dict[str, Any]:
    """The alarms as JSON; `text` is there for chat programs, which show it as it is."""
    lines = "\n".join(f"{alarm.version}: {alarm.sentence}" for alarm in alarms)
    return {
        "model": model,
        "text": f"Spyglass: {_count(alarms)} of {model}\n{lines}",
        "alarms": [asdict(alarm) for alarm in alarms],
    }


def _count(alarms: Sequence[Alarm]) -> str:
    return "1 alarm" if len(alarms) == 1 else f"{len(alarms)} alarms"


def _post(address: str, model: str, alarms: Sequence[Alarm], seconds: float) -> None:
    body = json.dumps(content_of(model, alarms)).encode()
    try:
        request = Request(address, body, {"Content-Type": "application/json"})  # noqa: S310 - http
        with urlopen(request, timeout=seconds) as answer:  # noqa: S310 - checked by the options
            answer.read1(_ANSWER_BYTES)
    except HTTPError as error:
        phrase = HTTPStatus(error.code).phrase if error.code in set(HTTPStatus) else ""
        raise _NotTold(f"it answers {error.code} {phrase}.".replace(" .", ".")) from None
    except (URLError, OSError, ValueError, HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        told = " ".join(str(reason).split()) or type(reason).__name__
        raise _NotTold(f"it cannot be reached ({without_secrets(told)}).") from None


def _mail(options: MailOptions, model: str, alarms: Sequence[Alarm], seconds: float) -> None:
    message = EmailMessage()
    message["Subject"] = f"Spyglass: {_count(alarms)} of {model}"
    message["From"], message["To"] = options.sender, ", ".join(options.to)
    lines = (f"- {alarm.version}: {alarm.sentence}" for alarm in alarms)
    see = for_project("See: python run.py --monitor")
    message.set_content("\n".join([*lines, "", see, ""]))
    try:
        with ExitStack() as opened:
            server = opened.enter_context(_server(options, seconds))
            if options.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if options.user is not None:
                server.login(options.user, os.environ.get(PASSWORD_VARIABLE, ""))
            server.send_message(message)
    except smtplib.SMTPAuthenticationError:
        raise _NotTold(
            f"{options.host} refuses the password of {options.user}; the variable "
            f"{PASSWORD_VARIABLE} holds it."
        ) from None
    except (OSError, smtplib.SMTPException) as error:
        told = without_secrets(" ".join(str(error).split()))
        raise _NotTold(f"{options.host}:{options.port} does not take it ({told}).") from None


def _server(options: MailOptions, seconds: float) -> smtplib.SMTP:
    if options.security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(options.host, options.port, timeout=seconds, context=context)
    return smtplib.SMTP(options.host, options.port, timeout=seconds)
