"""The choice of the Label Studio."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from utils.annotation.label_studio.options import LabelStudioOptions, resolve_connection
from utils.annotation.options import ExportOptions
from utils.errors import ConfigurationError

ENVIRONMENT = {"LABEL_STUDIO_URL": "https://env.org/", "LABEL_STUDIO_API_KEY": "env-key"}
ANNOTATOR = ("https://annotator.org", "annotator-key")
CONFIGURED = "https://configured.org"


@pytest.mark.parametrize(
    ("configured", "environment", "annotator", "url", "api_key"),
    [
        pytest.param(
            CONFIGURED, ENVIRONMENT, ANNOTATOR, "https://env.org", "env-key", id="environment first"
        ),
        pytest.param(
            "embedded", {}, ANNOTATOR, "https://annotator.org", "annotator-key", id="annotator"
        ),
        pytest.param(
            "https://annotator.org/",
            {},
            ANNOTATOR,
            "https://annotator.org",
            "annotator-key",
            id="address configured, token from the annotator of that address",
        ),
        pytest.param(
            CONFIGURED,
            {"LABEL_STUDIO_API_KEY": "env-key"},
            None,
            CONFIGURED,
            "env-key",
            id="address configured, token from the environment",
        ),
        pytest.param(
            "embedded",
            {"LABEL_STUDIO_URL": "https://annotator.org/"},
            ANNOTATOR,
            "https://annotator.org",
            "annotator-key",
            id="address from the environment, token from the annotator of that address",
        ),
    ],
)
def test_where_address_and_token_come_from(
    configured: str,
    environment: dict[str, str],
    annotator: tuple[str, str] | None,
    url: str,
    api_key: str,
) -> None:
    options = LabelStudioOptions(url=configured)
    connection = resolve_connection(options, environment, lambda: annotator)
    assert (connection.url, connection.api_key) == (url, api_key)


@pytest.mark.parametrize(
    ("configured", "environment"),
    [
        pytest.param(CONFIGURED, {}, id="configured"),
        pytest.param("embedded", {"LABEL_STUDIO_URL": "https://env.org"}, id="environment"),
    ],
)
def test_the_token_of_the_annotator_is_sent_to_no_other_server(
    configured: str, environment: dict[str, str]
) -> None:
    with pytest.raises(ConfigurationError, match="no token"):
        resolve_connection(LabelStudioOptions(url=configured), environment, lambda: ANNOTATOR)


def test_the_annotator_is_not_asked_where_the_environment_says_all() -> None:
    def broken() -> tuple[str, str]:
        raise ConfigurationError("The secret of the annotator does not exist.")

    assert resolve_connection(LabelStudioOptions(), ENVIRONMENT, broken).api_key == "env-key"


def test_a_server_without_a_token_is_refused_before_any_work() -> None:
    with pytest.raises(ConfigurationError, match=r"configured\.org.*LABEL_STUDIO_API_KEY"):
        resolve_connection(LabelStudioOptions(url=CONFIGURED), {})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        pytest.param({"projct": "x"}, "did you mean 'project'", id="misspelt key"),
        pytest.param({"url": "labels.org"}, "http://", id="address without a scheme"),
        pytest.param({"project": "x" * 51}, "50 characters", id="name too long"),
        pytest.param({"project": "s2"}, "3 to 50 characters", id="name too short"),
        pytest.param({"batch_tasks": 0}, "greater than or equal to 1", id="empty batches"),
    ],
)
def test_wrong_options_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        LabelStudioOptions.model_validate(values)


def test_a_project_is_given_by_name_or_number() -> None:
    assert LabelStudioOptions(project=12).project == 12
    assert LabelStudioOptions(project="twelve").project == "twelve"


def test_the_rule_for_unreviewed_tasks_is_one_of_two() -> None:
    assert ExportOptions().unreviewed == "keep_ground_truth"
    with pytest.raises(ValidationError, match="'keep_ground_truth' or 'skip'"):
        ExportOptions.model_validate({"unreviewed": "maybe"})
