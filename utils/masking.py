"""Passwords and tokens in addresses, masked wherever text is shown, logged or raised.

This is the one place that knows where addresses hold secrets.
"""

from __future__ import annotations

import logging
import re

MASK = "***"
# `scheme://user:password@host`; also where the password holds an unescaped @ or /, but not
# `http://host:8080/path@2x`.
_ACCOUNT = re.compile(
    r"(?P<scheme>\b[a-z][a-z0-9+.-]*://)"
    r"(?:(?P<user>[^\s/:@?#'\"]*):(?!\d*(?:[/?#'\"\s]|$))[^\s'\"<>]*@|[^\s/:@?#'\"<>]+@)",
    re.IGNORECASE,
)
_PARAMETER = re.compile(
    r"(?P<name>[?&;#][\w.~%-]*?"
    r"(?:token|password|passwd|pwd|secret|api_?-?key|access_?-?key|signature|credential|auth)"
    r"[\w.~%-]*=|[?&;#](?:key|sig|code)=)"
    r"[^\s&;#'\"<>]+",
    re.IGNORECASE,
)


def without_secrets(text: str) -> str:
    """A text with the secrets of the addresses in it masked.

    The user of an account and the names of parameters stay, so that the address is recognised:
    `https://me:***@host/path?token=***`.
    """
    if "://" not in text:
        return text
    return _PARAMETER.sub(rf"\g<name>{MASK}", _ACCOUNT.sub(_masked_account, text))


def mask_logs() -> None:
    """Mask the secrets of addresses in all that this process logs, whoever logs it."""
    logging.setLogRecordFactory(_MaskedRecord)


class _MaskedRecord(logging.LogRecord):
    def getMessage(self) -> str:  # noqa: N802 (the name that logging gives it)
        """The message, with its arguments put in."""
        return without_secrets(super().getMessage())


def _masked_account(found: re.Match[str]) -> str:
    user = found["user"]
    return f"{found['scheme']}{MASK}@" if user is None else f"{found['scheme']}{user}:{MASK}@"
