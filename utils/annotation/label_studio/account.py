"""The one account of the embedded Label Studio, and its reset where the file of it is lost."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import secrets
import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path

from utils.annotation.label_studio.installation import DATABASE
from utils.files import write_secret
from utils.state_files import read_object

_USERNAME = "spyglass@example.com"
_ITERATIONS = 1_000_000  # as Django 5.2 has it
_FILE = "account.json"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Account:
    """The one account of the embedded server.

    Attributes:
        username: An e-mail address that leads nowhere.
        password: Password for the browser.
        api_key: 40 hex digits: Label Studio's legacy kind of token, the only one that can be set
            before the server first starts.
    """

    username: str
    password: str = field(repr=False)
    api_key: str = field(repr=False)


def account_in(folder: Path) -> Account:
    """The account, created on first use and kept in a file that only its owner can read.

    Where the file is damaged or lost, the account in the server's database gets a new password and
    a new token, so that nothing that people did there is lost.

    Args:
        folder: Folder of the server's data.
    """
    path = folder / _FILE
    try:
        return Account(**read_object(path))
    except (FileNotFoundError, ValueError, TypeError):
        is_damaged = path.is_file()
    account = Account(_USERNAME, secrets.token_urlsafe(15), secrets.token_hex(20))
    has_been_used = _reset_account(folder / DATABASE, account)
    write_secret(path, json.dumps(asdict(account)))
    if is_damaged or has_been_used:
        logger.warning(
            "%s was %s: the embedded Label Studio has a new password and a new token.",
            path,
            "damaged" if is_damaged else "missing",
        )
    return account


def _reset_account(database: Path, account: Account) -> bool:
    """Give the database's user a new password and token; returns whether there was a user."""
    if not database.is_file():
        return False
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        user = connection.execute(
            "SELECT id FROM htx_user WHERE email = ?", (account.username,)
        ).fetchone()
        if user is None:
            return False
        connection.execute(
            "UPDATE htx_user SET password = ? WHERE id = ?", (_hashed(account.password), *user)
        )
        connection.execute(
            "UPDATE authtoken_token SET key = ? WHERE user_id = ?", (account.api_key, *user)
        )
    return True


def _hashed(password: str) -> str:
    """The hash of a password as Django stores it: PBKDF2 with SHA-256 (`PBKDF2PasswordHasher`)."""
    salt = secrets.token_hex(11)
    digest = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), _ITERATIONS)
    return f"pbkdf2_sha256${_ITERATIONS}${salt}${base64.b64encode(digest).decode()}"
