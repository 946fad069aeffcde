"""Refused requests: a status and one sentence each."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import JSONResponse


class Refused(Exception):  # noqa: N818 - an answer, not a mistake of ours
    """A request that is answered with a status and one sentence, which names no path or token."""

    def __init__(
        self, status: int, sentence: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Keep the answer."""
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence
        self.headers = dict(headers or {})

    def answer(self) -> JSONResponse:
        """The answer."""
        return JSONResponse({"error": self.sentence}, self.status, self.headers)


def busy(sentence: str, seconds: int, status: int = 429) -> Refused:
    """A refusal that says when to ask again."""
    return Refused(status, sentence, {"Retry-After": str(seconds)})
