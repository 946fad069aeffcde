"""A user with a real Label Studio."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fixtures.user import User
from utils.annotation.label_studio.server import ServerConnection
from utils.curation.app import stop_app


@pytest.fixture(scope="module")
def user(
    tmp_path_factory: pytest.TempPathFactory, label_studio: ServerConnection, mongodb: str
) -> Iterator[User]:
    server = {"LABEL_STUDIO_URL": label_studio.url, "LABEL_STUDIO_API_KEY": label_studio.api_key}
    yield User(tmp_path_factory.mktemp("user"), server)
    stop_app()
