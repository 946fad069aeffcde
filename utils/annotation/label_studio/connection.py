"""The connection to Label Studio: one client, plain requests, and faults as one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from utils.errors import LabelStudioError

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

_CHUNK_BYTES = 1 << 20
_LEADING_BYTES = 1 << 10
_LONGEST_DETAIL = 300
NO_RETRIES = {"max_retries": 0}


def connect(url: str, api_key: str, *, timeout_s: float = 600) -> LabelStudio:
    """Connect to the server at `url` and check that it is Label Studio and takes the token.

    Args:
        url: Address of the server, `http://...` or `https://...`.
        api_key: A legacy token (40 hex digits) or a personal access token (a JWT).
        timeout_s: Seconds to wait for each answer; imports and exports are long.

    Raises:
        LabelStudioError: If nothing answers, the token is refused, or it is not Label Studio.
    """
    import httpx
    from label_studio_sdk import LabelStudio

    # A proxy from the environment could not reach a server on this machine.
    loopback = urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
    http = httpx.Client(timeout=timeout_s, follow_redirects=True, trust_env=not loopback)
    with explained(url, "Connecting"):
        # With a slash, so that the SDK keeps the path of a server that is not at the root.
        base_url = f"{url.rstrip('/')}/"
        client = LabelStudio(base_url=base_url, api_key=api_key.strip(), httpx_client=http)
        version = ask(client, "GET", "api/version")
        ask(client, "GET", "api/current-user/whoami")
    if not isinstance(version, dict) or "label-studio-os-package" not in version:
        raise LabelStudioError(f"The server at {url} is not Label Studio. Check the address.")
    return client


def url_of(client: LabelStudio) -> str:
    """The address of the client's server, without a trailing slash."""
    return str(client._client_wrapper.get_base_url()).rstrip("/")


def ask(
    client: LabelStudio, method: str, path: str, *, timeout_s: float | None = None, **request: Any
) -> Any:
    """Send one request, without retries, and return the JSON of the answer.

    The SDK's own methods build a typed object of every task, which takes longer than the server
    needs to answer, and retry a failed request, which could import tasks twice. This function uses
    the SDK's connection and token, and does neither.

    Args:
        client: From `connect`.
        method: HTTP method.
        path: Path below the server's address.
        timeout_s: Seconds to wait for the answer; by default as for the client.
        request: `params`, `json`, `content` or `headers`, as of httpx.

    Raises:
        ApiError: If the answer is an error, or not JSON.
        httpx.HTTPError: If there is none. Wrap calls in `explained`.
    """
    from label_studio_sdk.core.api_error import ApiError

    http = client._client_wrapper.httpx_client
    options = NO_RETRIES | ({"timeout_in_seconds": timeout_s} if timeout_s else {})
    answer = http.request(path, method=method, request_options=options, **request)
    try:
        content = answer.json()
    except ValueError:
        raise ApiError(status_code=answer.status_code, body=answer.text) from None
    if not answer.is_success:
        raise ApiError(status_code=answer.status_code, body=content)
    return content


def json_items(answer: IO[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the objects of a JSON array one by one, so that memory does not grow with their number.

    Args:
        answer: A seekable stream of UTF-8, at its beginning.

    Raises:
        ValueError: If the text is not a JSON array, or ends early.
    """
    import ijson

    # ijson itself finds no items in an object, and would pass an error's JSON as an empty array.
    if answer.read(_LEADING_BYTES).lstrip()[:1] != b"[":
        raise ValueError("the export is not a JSON array")
    answer.seek(0)
    try:
        yield from ijson.items(answer, "item", use_float=True, buf_size=_CHUNK_BYTES)
    except ijson.JSONError as error:
        raise ValueError("the export ends early or is damaged") from error


@contextmanager
def explained(url: str, work: str) -> Iterator[None]:
    """Turn faults of the server inside the block into one sentence.

    Args:
        url: Address of the server, for the message.
        work: The work that fails, for the message, such as "Exporting".

    Raises:
        LabelStudioError: Instead of the errors of the SDK and of httpx.
    """
    import httpx
    from label_studio_sdk.core.api_error import ApiError

    try:
        yield
    except httpx.ConnectError as error:
        raise LabelStudioError(
            f"{work} failed: nothing answers at {url}. Start Label Studio there, or correct "
            "LABEL_STUDIO_URL or the url in the configuration, then run this again."
        ) from error
    except httpx.TimeoutException as error:
        raise LabelStudioError(
            f"{work} failed: Label Studio at {url} did not answer in time. "
            "Raise timeout_s in the configuration, or look at the server, then run this again."
        ) from error
    except httpx.LocalProtocolError as error:
        raise LabelStudioError(
            f"{work} failed: the token for Label Studio at {url} is empty or contains a line "
            "break. Copy it again from its page Account & Settings to LABEL_STUDIO_API_KEY."
        ) from error
    except httpx.HTTPError as error:
        raise LabelStudioError(
            f"{work} failed: the connection to Label Studio at {url} broke off ({error}). "
            "Look at the server, then run this again: what has arrived is kept."
        ) from error
    except ApiError as error:
        raise LabelStudioError(_sentence(error, url, work)) from error


def refusal(body: Any) -> str:
    """The reason that Label Studio gives in the body of an error."""
    if isinstance(body, dict):
        body = body.get("validation_errors") or body.get("detail") or body
    return str(body)[:_LONGEST_DETAIL]


def _sentence(error: Any, url: str, work: str) -> str:
    detail = refusal(error.body)
    if error.status_code in (401, 403):
        return (
            f"{work} failed: Label Studio at {url} refuses the token ({detail}). Copy a "
            "valid one from its page Account & Settings to LABEL_STUDIO_API_KEY."
        )
    if isinstance(error.body, str):
        return (
            f"{work} failed: what answers at {url} is not Label Studio or is out of order "
            f"(status {error.status_code}, not JSON). Check the address and the server's log."
        )
    return (
        f"{work} failed: Label Studio at {url} answered with status {error.status_code}: {detail}"
    )
