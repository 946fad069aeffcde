"""Who one is to Google: a user who is logged in, a service account's key, a machine's identity."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from google.auth import jwt

from tests.emulators.certificates import Certificate

PROJECT = "spyglass-test"
PROJECT_NUMBER = "1234"
ACCOUNT = f"trainer@{PROJECT}.iam.gserviceaccount.com"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"


class TokenServer:
    """Gives access tokens, and knows which are good.

    It speaks as `oauth2.googleapis.com` and `iamcredentials.googleapis.com` over TLS, and as the
    metadata server that each of Google's machines has over plain HTTP.
    """

    def __init__(self, certificate: Certificate) -> None:
        self._issued: set[str] = set()
        self._expired = Event()
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._metadata = _Server(self)
        self._google = _Server(self)
        self._google.socket = certificate.server_context().wrap_socket(
            self._google.socket, server_side=True
        )
        for server in (self._metadata, self._google):
            Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def metadata_host(self) -> str:
        """Host and port of the metadata server."""
        return f"127.0.0.1:{self._metadata.server_port}"

    @property
    def port(self) -> int:
        """Address of the server that stands for Google's hosts."""
        return self._google.server_port

    def issue(self) -> str | None:
        """A new token, None while the credentials are expired."""
        if self._expired.is_set():
            return None
        token = f"ya29.{uuid4().hex}"
        self._issued.add(token)
        return token

    def accepts(self, token: str) -> bool:
        """Whether `token` is good: issued here, or signed by the service account itself."""
        if self._expired.is_set():
            return False
        return token in self._issued or self._is_signed(token)

    def expire(self) -> None:
        """Refuse every token so far, and give no more."""
        self._expired.set()
        self._issued.clear()

    def renew(self) -> None:
        """Give tokens again."""
        self._expired.clear()

    def stop(self) -> None:
        """Take no more connections."""
        for server in (self._metadata, self._google):
            server.shutdown()
            server.server_close()

    def write_user(self, folder: Path) -> Path:
        """The file that `gcloud auth application-default login` leaves."""
        return _write(
            folder / "application_default_credentials.json",
            type="authorized_user",
            client_id="spyglass.apps.googleusercontent.com",
            client_secret=uuid4().hex,
            refresh_token=uuid4().hex,
            quota_project_id=PROJECT,
        )

    def write_service_account(self, folder: Path) -> Path:
        """A service account's key file."""
        pem = self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return _write(
            folder / "service_account.json",
            type="service_account",
            project_id=PROJECT,
            private_key_id="1",
            private_key=pem.decode(),
            client_email=ACCOUNT,
            client_id="1",
            token_uri=f"http://{self.metadata_host}/token",
        )

    def _is_signed(self, token: str) -> bool:
        public = self._key.public_key().public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )
        try:
            jwt.decode(token, certs=public)
        except ValueError:
            return False
        return True


def _write(path: Path, **content: str) -> Path:
    path.write_text(json.dumps(content))
    return path


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, tokens: TokenServer) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.tokens = tokens


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._give_token()

    def do_GET(self) -> None:
        before, _, wanted = self.path.partition("?")[0].rpartition("/")
        if wanted == "token":
            self._give_token()
        elif wanted == "allowedLocations":
            self._answer(200, {"locations": [], "encodedLocations": "0x0"})
        elif wanted == "project-id":
            self._answer(200, PROJECT)
        elif wanted == "email":
            self._answer(200, ACCOUNT)
        elif "/service-accounts" in before:
            self._answer(200, {"email": ACCOUNT, "scopes": [_SCOPE], "aliases": ["default"]})
        elif before in {"", "/computeMetadata/v1"}:  # whether there is a metadata server at all
            self._answer(200, "")
        else:
            self._answer(404, "")

    def log_message(self, *_: object) -> None:
        """Be quiet."""

    def _give_token(self) -> None:
        if (token := self.server.tokens.issue()) is None:
            refusal = "Token has been expired or revoked."
            self._answer(400, {"error": "invalid_grant", "error_description": refusal})
        else:
            self._answer(200, {"access_token": token, "expires_in": 3600, "token_type": "Bearer"})

    def _answer(self, status: int, content: dict[str, Any] | str) -> None:
        is_text = isinstance(content, str)
        body = (content if is_text else json.dumps(content)).encode()
        self.send_response(status)
        self.send_header("Metadata-Flavor", "Google")
        self.send_header("Content-Type", "text/plain" if is_text else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
