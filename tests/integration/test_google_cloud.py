"""What a project lacks is told with the command that mends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest

from tests.emulators.certificates import make_certificate
from tests.emulators.connect_proxy import ConnectProxy
from tests.emulators.credentials import ACCOUNT, PROJECT, TokenServer
from tests.emulators.gcs import GoogleStorage
from tests.emulators.google_apis import HOSTS, CloudProject, GoogleApis
from utils.errors import CloudError
from utils.google_cloud.accelerators import Accelerator, check_accelerator, check_quota
from utils.google_cloud.accounts import check_account
from utils.google_cloud.apis import check_apis
from utils.google_cloud.bucket import check_bucket
from utils.google_cloud.credentials import log_in, service_account_of
from utils.google_cloud.regions import check_region
from utils.google_cloud.registry import check_registry
from utils.google_cloud.rest import Project

REGION = "europe-west4"
REGISTRY = f"{REGION}-docker.pkg.dev/{PROJECT}/spyglass"
L4 = Accelerator("NVIDIA_L4", 1, is_spot=True)
USER = '"user:$(gcloud config get-value account)"'
MEMBER = f"serviceAccount:{ACCOUNT}"


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


@pytest.fixture
def storage(monkeypatch) -> Iterator[GoogleStorage]:
    server = GoogleStorage()
    server.buckets.create("tiles")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
    yield server
    server.stop()


def told(check: Callable[[], object]) -> str:
    with pytest.raises(CloudError) as refused:
        check()
    return str(refused.value)


def test_everything_that_is_there_is_found(project):
    assert check_apis(project, ["aiplatform.googleapis.com"]) == f"1 on in {PROJECT}"
    assert check_region(project, REGION) == f"Vertex AI is in {REGION}"
    assert check_registry(project, REGISTRY) == f"{REGISTRY} takes images"
    assert check_registry(project, f"gcr.io/{PROJECT}") == f"gcr.io/{PROJECT} takes images"
    assert check_account(project, ACCOUNT) == f"{ACCOUNT} may be used for jobs"
    assert check_accelerator(project, REGION, L4) == (
        f"Compute Engine has NVIDIA_L4 in {REGION}-a, {REGION}-c"
    )
    assert check_quota(project, REGION, L4) == (
        f"CustomModelTrainingPreemptibleL4GPUsPerProjectPerRegion is 1 in {REGION}"
    )


def test_apis_that_are_off_are_named_with_the_command_that_turns_them_on(apis, project):
    apis.project.apis -= {"aiplatform.googleapis.com", "compute.googleapis.com"}
    wanted = ["aiplatform.googleapis.com", "compute.googleapis.com", "storage.googleapis.com"]

    assert told(partial(check_apis, project, wanted)) == (
        f"Off in the project {PROJECT}: aiplatform.googleapis.com, compute.googleapis.com. Turn on "
        "with: gcloud services enable aiplatform.googleapis.com compute.googleapis.com "
        f"--project={PROJECT}"
    )


CHECKS = [
    pytest.param(
        partial(check_apis, apis=["storage.googleapis.com"]),
        "serviceusage.googleapis.com",
        "roles/serviceusage.serviceUsageViewer",
        id="APIs",
    ),
    pytest.param(
        partial(check_region, region=REGION),
        "aiplatform.googleapis.com",
        "roles/aiplatform.user",
        id="region",
    ),
    pytest.param(
        partial(check_registry, uri=REGISTRY),
        "artifactregistry.googleapis.com",
        "roles/artifactregistry.reader",
        id="registry",
    ),
    pytest.param(
        partial(check_account, email=ACCOUNT),
        "iam.googleapis.com",
        "roles/iam.serviceAccountViewer",
        id="account",
    ),
    pytest.param(
        partial(check_accelerator, region=REGION, accelerator=L4),
        "compute.googleapis.com",
        "roles/compute.viewer",
        id="accelerator",
    ),
    pytest.param(
        partial(check_quota, region=REGION, accelerator=L4),
        "cloudquotas.googleapis.com",
        "roles/cloudquotas.viewer",
        id="quota",
    ),
]


@pytest.mark.parametrize(("check", "api", "role"), CHECKS)
def test_an_api_that_is_off_is_told_by_the_check_that_needs_it(check, api, role, apis, project):
    apis.project.apis.discard(api)

    assert told(partial(check, project)) == (
        f"The API {api} is off in the project {PROJECT}. "
        f"Turn it on with: gcloud services enable {api} --project={PROJECT}"
    )


@pytest.mark.parametrize(("check", "api", "role"), CHECKS)
def test_a_missing_role_is_told_with_the_command_that_grants_it(check, api, role, apis, project):
    apis.project.denied.add(api)

    message = told(partial(check, project))

    assert message.startswith("This account may not ")
    assert message.endswith(
        f"gcloud projects add-iam-policy-binding {PROJECT} --member={USER} --role={role}"
    )


@pytest.mark.parametrize(("check", "api", "role"), CHECKS)
def test_an_api_out_of_order_is_told_in_googles_words(check, api, role, apis, project):
    apis.project.broken.add(api)

    assert told(partial(check, project)).startswith(
        f"{api} answered with status 503: The service is currently unavailable."
    )


@pytest.mark.parametrize(("check", "api", "role"), CHECKS)
def test_credentials_that_expire_in_between_are_told(check, api, role, tokens, project):
    tokens.expire()

    assert told(partial(check, project)) == (
        "The credentials for Google Cloud have expired or were revoked. "
        "Log in with: gcloud auth application-default login"
    )


def test_a_service_account_is_named_in_the_command(apis, robot):
    apis.project.denied.add("aiplatform.googleapis.com")

    assert f"--member={MEMBER} --role" in told(partial(check_region, robot, REGION))


@pytest.mark.parametrize(
    ("accelerator", "region", "message"),
    [
        pytest.param(L4, "us-east1", "Compute Engine has no NVIDIA_L4 in us-east1, but in "
                     "europe-west1, europe-west4. Choose another region or GPU; where it is shows: "
                     "gcloud compute accelerator-types list --filter=name=nvidia-l4 "
                     f"--project={PROJECT}", id="another region"),
        pytest.param(Accelerator("NVIDIA_L44"), REGION, "Compute Engine has no 'NVIDIA_L44' "
                     "anywhere. Correct accelerator_type; all names shows: "
                     f"gcloud compute accelerator-types list --project={PROJECT}", id="misspelt"),
        pytest.param(Accelerator("NVIDIA_TESLA_T4", 8), REGION, f"A machine in {REGION} takes "
                     "at most 4 x NVIDIA_TESLA_T4, and accelerator_count is 8. Lower it; what "
                     "there is shows: gcloud compute accelerator-types list "
                     f"--filter=name=nvidia-tesla-t4 --project={PROJECT}", id="too many"),
    ],
)  # fmt: skip
def test_a_gpu_that_a_region_lacks_is_told(accelerator, region, message, project):
    assert told(partial(check_accelerator, project, region, accelerator)) == message


@pytest.mark.parametrize(
    ("accelerator", "region", "quota", "limit"),
    [
        pytest.param(Accelerator("NVIDIA_L4", 2, is_spot=True), REGION,
                     "CustomModelTrainingPreemptibleL4GPUsPerProjectPerRegion", 1, id="too low"),
        pytest.param(Accelerator("NVIDIA_L4", 1), "us-central1",
                     "CustomModelTrainingL4GPUsPerProjectPerRegion", 0, id="none in that region"),
    ],
)  # fmt: skip
def test_a_quota_that_is_too_low_is_told_with_how_to_ask_for_more(
    accelerator, region, quota, limit, project
):
    assert told(partial(check_quota, project, region, accelerator)) == (
        f"The quota {quota} is {limit} in {region}, and {accelerator.count} are needed. Ask Google "
        f"for more with: gcloud beta quotas preferences create --project={PROJECT} "
        f"--service=aiplatform.googleapis.com --quota-id={quota} "
        f"--preferred-value={accelerator.count} --dimensions=region={region} "
        '--email="$(gcloud config get-value account)"'
    )


def test_an_unlimited_quota_is_enough(apis, project):
    apis.project.quotas["CustomModelTrainingL4GPUsPerProjectPerRegion"] = {REGION: -1}

    assert "unlimited" in check_quota(project, REGION, Accelerator("NVIDIA_L4", 16))


def test_a_gpu_whose_quota_is_not_known_is_said_to_be_so(project):
    message = told(partial(check_quota, project, REGION, Accelerator("NVIDIA_B200")))

    assert message == (
        "The quota for training with NVIDIA_B200 is not known to Spyglass. Look for it with: "
        "gcloud beta quotas info list --service=aiplatform.googleapis.com "
        f"--project={PROJECT}"
    )


def test_a_region_without_vertex_is_told_with_the_nearest(project):
    assert told(partial(check_region, project, "europe-west5")) == (
        "Vertex AI has no region 'europe-west5' (did you mean europe-west4 or europe-west1?). "
        "Write another one into the stack's file; all regions shows: gcloud compute regions list"
    )


@pytest.mark.parametrize(
    ("uri", "repositories", "permissions", "message"),
    [
        pytest.param(
            REGISTRY, {}, None,
            f"The repository spyglass does not exist in {REGION}. Make it with: gcloud artifacts "
            f"repositories create spyglass --location={REGION} --project={PROJECT} "
            "--repository-format=docker",
            id="missing",
        ),
        pytest.param(
            REGISTRY, {f"{REGION}/spyglass": "PYTHON"}, None,
            "The repository spyglass holds PYTHON packages, not images. Make another with: gcloud "
            f"artifacts repositories create <NAME> --location={REGION} --project={PROJECT} "
            "--repository-format=docker",
            id="of another kind",
        ),
        pytest.param(
            REGISTRY, None, {"artifactregistry.repositories.downloadArtifacts"},
            f"This account may not push to and pull from {REGISTRY}. Grant it with: gcloud "
            f"artifacts repositories add-iam-policy-binding spyglass --location={REGION} "
            f"--project={PROJECT} --member={USER} --role=roles/artifactregistry.writer",
            id="not to be pushed to",
        ),
        pytest.param(
            "docker.io/me/spyglass", None, None,
            "'docker.io/me/spyglass' is no address of Artifact Registry. Write "
            "REGION-docker.pkg.dev/PROJECT/REPOSITORY; those there are shows: "
            "gcloud artifacts repositories list",
            id="elsewhere",
        ),
    ],
)  # fmt: skip
def test_a_registry_that_cannot_be_used_is_told(
    uri, repositories, permissions, message, apis, project
):
    if repositories is not None:
        apis.project.repositories = repositories
    if permissions is not None:
        apis.project.permissions = permissions

    assert told(partial(check_registry, project, uri)) == message


def test_a_missing_service_account_is_told_with_the_command_that_makes_it(apis, project):
    apis.project.accounts = []

    assert told(partial(check_account, project, ACCOUNT)) == (
        f"There is no service account {ACCOUNT}. "
        f"Make it with: gcloud iam service-accounts create trainer --project={PROJECT}"
    )


def test_a_service_account_that_may_not_be_used_is_told(apis, project):
    apis.project.permissions = set()

    assert told(partial(check_account, project, ACCOUNT)) == (
        f"This account may not start jobs that run as {ACCOUNT}. Grant it with: gcloud iam "
        f"service-accounts add-iam-policy-binding {ACCOUNT} --project={PROJECT} --member={USER} "
        "--role=roles/iam.serviceAccountUser"
    )


def test_a_bucket_is_left_as_it_was(project, storage):
    assert check_bucket(project, "gs://tiles/zenml") == (
        "gs://tiles can be written, read and deleted from"
    )
    assert any("POST" in request for request in storage.requests)
    assert storage.buckets.all("tiles")[0] == []


def test_a_missing_bucket_is_told_with_the_command_that_makes_it(project, storage):
    assert told(partial(check_bucket, project, "gs://tile/zenml", REGION)) == (
        "The bucket gs://tile does not exist. Make it with: gcloud storage buckets create "
        f"gs://tile --project={PROJECT} --location={REGION} --uniform-bucket-level-access"
    )


@pytest.mark.parametrize(
    ("request_that_fails", "what", "left"),
    [
        pytest.param("POST /upload", "write to", 0, id="write"),
        pytest.param("GET /download", "read from", 0, id="read"),
        pytest.param("DELETE", r"delete zenml/.spyglass-check-\w+ again from", 1, id="delete"),
    ],
)
def test_a_bucket_that_may_not_be_used_is_told(request_that_fails, what, left, robot, storage):
    storage.faults.fail_next(403, matching=request_that_fails)

    with pytest.raises(CloudError, match=f"may not {what} gs://tiles") as refused:
        check_bucket(robot, "gs://tiles/zenml")

    assert str(refused.value).endswith(
        "Grant it with: gcloud storage buckets add-iam-policy-binding gs://tiles "
        f"--member={MEMBER} --role=roles/storage.objectUser"
    )
    assert len(storage.buckets.all("tiles")[0]) == left


def test_a_bucket_that_refuses_the_credentials_is_told(project, storage):
    with storage.faults.refusing(401):
        assert told(partial(check_bucket, project, "gs://tiles")).endswith(
            "Log in with: gcloud auth application-default login"
        )


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
