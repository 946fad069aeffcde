"""The base of every configuration type: a misspelt key names the nearest known one."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import ErrorDetails

_NO_LIST = ("tuple_type", "list_type", "set_type", "frozen_set_type")


class Options(BaseModel):
    """Parameters of one part of Spyglass, as they appear in YAML.

    Unknown keys are refused. The docstring under a field describes it in the configuration
    reference.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _name_the_nearest_key(cls, values: Any) -> Any:
        if isinstance(values, dict):
            for key in values:
                if key not in cls.model_fields:
                    raise ValueError(unknown_key(str(key), list(cls.model_fields)))
        return values

    def updated(self, **changes: Any) -> Self:
        """A copy with some fields changed, validated again."""
        return type(self).model_validate(self.model_dump() | changes)


def unknown_kind(problem: ErrorDetails) -> str | None:
    """The sentence for a value that chooses no kind of options; None for another problem."""
    if problem["type"] != "union_tag_invalid":
        return None
    context = problem.get("ctx", {})
    known = [name.strip("' ") for name in context["expected_tags"].split(",")]
    return unknown_key(context["tag"], known, context["discriminator"].strip("'"))


def told_problem(problem: ErrorDetails) -> str:
    """The sentence about a value that does not fit."""
    told = unknown_kind(problem) or _wanted_list(problem)
    return told or problem["msg"].removeprefix("Value error, ")


def _wanted_list(problem: ErrorDetails) -> str | None:
    """The sentence for a value that has to be a list; None for another problem."""
    if problem["type"] not in _NO_LIST:
        return None
    given = problem["input"]
    example = given if isinstance(given, str | int | float) else "ONE, ANOTHER"
    return f"Input should be a list in brackets, as [{example}]"


def unknown_key(key: str, known: list[str], what: str = "key") -> str:
    """The sentence that says a key, or a `what`, is not known and which was probably meant."""
    nearest = get_close_matches(key, known, n=1)
    if nearest:
        return f"unknown {what} '{key}': did you mean '{nearest[0]}'?"
    return f"unknown {what} '{key}': known are {', '.join(sorted(known))}"
