"""Passwords and tokens in addresses are neither shown, nor logged, nor raised."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.console import complain, say
from utils.errors import LabelStudioError
from utils.masking import mask_logs, without_secrets

SECRET = "s3cr3t-value"
ALPHABET = st.characters(codec="ascii", exclude_characters=" '\"<>&;#?@/", exclude_categories=["C"])


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://me:{}@host/path", "https://me:***@host/path"),
        ("https://me:{}@host:8080", "https://me:***@host:8080"),
        ("https://{}@github.example/repository", "https://***@github.example/repository"),
        ("https://:{}@host", "https://:***@host"),
        ("https://me:p@{}@host/", "https://me:***@host/"),
        ("https://me:p/{}@host/", "https://me:***@host/"),
        ("mongodb://me:{}@127.0.0.1:27017/?authSource=admin", "mongodb://me:***@127.0.0.1:27017/"),
        ("mongodb+srv://me:{}@cluster", "mongodb+srv://me:***@cluster"),
        ("mysql+pymysql://root:{}@db/zenml", "mysql+pymysql://root:***@db/zenml"),
        ("http://host/?token={}", "http://host/?token=***"),
        ("http://host/?a=b&access_token={}&c=d", "http://host/?a=b&access_token=***&c=d"),
        ("https://b.s3.example/k?X-Amz-Signature={}", "https://b.s3.example/k?X-Amz-Signature=***"),
        ("https://storage.example/k?X-Goog-Credential={}", "X-Goog-Credential=***"),
        ("https://a.blob.example/c?sv=2020&sig={}", "https://a.blob.example/c?sv=2020&sig=***"),
        ("https://host/#access_token={}", "https://host/#access_token=***"),
        ("https://maps.example/?key={}", "https://maps.example/?key=***"),
        ("https://host/?API-KEY={}", "https://host/?API-KEY=***"),
        ("https://host/?password={}", "https://host/?password=***"),
    ],
)
def test_a_secret_in_an_address_is_masked(address: str, shown: str) -> None:
    masked = without_secrets(f"Nothing answers at {address.format(SECRET)}. Correct it.")
    assert SECRET not in masked
    assert shown in masked
    assert masked.startswith("Nothing answers at ")


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:5151/datasets/ships",
        "http://127.0.0.1:8080/pictures/tile@2x.png",
        "gs://bucket/tiles/a@b.png",
        "gs://bucket/keys/token=old/tile.png",
        "mail me@host:secret",
        "https://host/?page=2&sort=name",
        "sqlite:////home/me/zenml.db",
        "from http://host:8080 to http://me/x@y",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert without_secrets(text) == text


@given(st.text(ALPHABET, min_size=8).filter(lambda text: not text.isdecimal()))
def test_no_password_is_left_of_any_address(password: str) -> None:
    assert password not in without_secrets(f"see https://me:{password}@host.example/path now")


def test_nothing_secret_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"at https://me:{SECRET}@host")
    complain(f"no https://me:{SECRET}@host")
    shown = capsys.readouterr()
    assert SECRET not in shown.out + shown.err
    assert shown.out == "at https://me:***@host\n"


def test_nothing_secret_is_raised() -> None:
    assert SECRET not in str(LabelStudioError(f"nothing answers at https://me:{SECRET}@host"))


@pytest.fixture
def masked_logs() -> Iterator[None]:
    factory = logging.getLogRecordFactory()
    mask_logs()
    yield
    logging.setLogRecordFactory(factory)


@pytest.mark.usefixtures("masked_logs")
def test_nothing_secret_is_logged_whoever_logs_it(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("httpx").warning("HTTP Request: GET %s", f"https://host/?token={SECRET}")
    assert caplog.messages == ["HTTP Request: GET https://host/?token=***"]
