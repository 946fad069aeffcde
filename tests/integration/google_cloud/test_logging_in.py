"""Credentials and a network that do not lead to Google are told with the way there."""

from __future__ import annotations

from functools import partial

from tests.emulators.credentials import PROJECT
from tests.integration.google_cloud.told import REGION, told
from utils.google_cloud.credentials import log_in
from utils.google_cloud.project_checks import check_region


def test_no_credentials_are_told(monkeypatch, tmp_path):
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")

    assert told(partial(log_in, PROJECT)) == (
        "There are no credentials for Google Cloud on this machine (DefaultCredentialsError). "
        "Log in with: gcloud auth application-default login"
    )


def test_expired_credentials_are_told_at_the_login(servers, tokens):
    tokens.expire()

    assert told(partial(log_in, PROJECT)) == (
        "The credentials for Google Cloud have expired or were revoked. "
        "Log in with: gcloud auth application-default login"
    )


def test_a_network_without_google_is_told(servers, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")

    assert told(partial(log_in, PROJECT)).startswith("Google cannot be reached to log in.")


def test_an_api_that_cannot_be_reached_is_told(project, monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")

    assert told(partial(check_region, project, REGION)) == (
        "aiplatform.googleapis.com cannot be reached (ProxyError). Check the network and "
        "https_proxy, then try: curl -I https://aiplatform.googleapis.com"
    )


def test_a_key_file_that_is_none_is_told(tmp_path):
    assert told(partial(log_in, PROJECT, str(tmp_path / "key.json"))).endswith(
        f"gcloud iam service-accounts keys create {tmp_path / 'key.json'} "
        "--iam-account=<SERVICE_ACCOUNT>"
    )
