"""Google's APIs, asked through a proxy that leads to the emulator."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.emulators.certificates import make_certificate
from tests.emulators.cloud_project import HOSTS, CloudProject
from tests.emulators.connect_proxy import ConnectProxy
from tests.emulators.credentials import PROJECT, TokenServer
from tests.emulators.google_apis import GoogleApis
from utils.google_cloud.credentials import log_in, service_account_of
from utils.google_cloud.rest import Project


@pytest.fixture(scope="module")
def servers(tmp_path_factory) -> Iterator[tuple[GoogleApis, TokenServer, pytest.MonkeyPatch]]:
    folder = tmp_path_factory.mktemp("google-apis")
    certificate = make_certificate(folder)
    proxy, tokens = ConnectProxy(), TokenServer(certificate)
    apis = GoogleApis(certificate, tokens.accepts)
    proxy.route("oauth2.googleapis.com", tokens.port)
    for host in HOSTS:
        proxy.route(host, apis.port)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("https_proxy", proxy.url)
        patch.setenv("no_proxy", "127.0.0.1,localhost")
        patch.setenv("REQUESTS_CA_BUNDLE", str(certificate.path))
        patch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tokens.write_user(folder)))
        yield apis, tokens, patch
    for server in (apis, proxy, tokens):
        server.stop()


@pytest.fixture
def apis(servers) -> GoogleApis:
    """A project that has everything."""
    servers[0].project = CloudProject()
    servers[0].asked.clear()
    return servers[0]


@pytest.fixture
def tokens(servers) -> Iterator[TokenServer]:
    yield servers[1]
    servers[1].renew()


@pytest.fixture
def project(apis) -> Project:
    credentials, _ = log_in(PROJECT)
    return Project(PROJECT, credentials)


@pytest.fixture
def robot(apis, tokens, tmp_path) -> Project:
    """The project as a service account sees it."""
    credentials, _ = log_in(PROJECT, str(tokens.write_service_account(tmp_path)))
    return Project(PROJECT, credentials, service_account_of(credentials))
