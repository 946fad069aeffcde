"""A mongod that dies, or cannot read its data, is told in one sentence, which leads on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import PROJECT_ROOT

# In a process of its own: the other tests keep their database.
FAULTS = """
import os, shutil, signal
from utils.curation import database
from utils.errors import ServerError
from utils.paths import local_folder

def fails(work):
    try:
        work()
    except ServerError as error:
        print(error)

def while_it_dies():
    with database.database_faults():
        server = database.running_database()
        os.killpg(server.pid, signal.SIGKILL)
        with database._client(database._uri(server.port)) as client:
            client.admin.command("ping")

data = local_folder("mongodb") / "data"
fails(while_it_dies)
fails(database.start_database)
print(database.stop_database())
(data / "WiredTiger.wt").write_bytes(b"damaged")
fails(database.start_database)
shutil.rmtree(data)
fails(database.start_database)
print(database.stop_database())
"""


def test_a_mongod_that_ends_or_is_damaged_is_explained_and_the_remedy_helps(tmp_path: Path) -> None:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("FIFTYONE_")
    }
    done = subprocess.run(
        [sys.executable, "-c", FAULTS],
        cwd=PROJECT_ROOT,
        env=environment | {"SPYGLASS_LOCAL": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    died, stopped, damaged, stopped_again = done.stdout.strip().splitlines()
    assert died.startswith("The MongoDB behind FiftyOne has ended or does not answer")
    assert "Run this again: it is started anew" in died
    assert stopped == stopped_again == "True"
    assert damaged.startswith("mongodb ended while starting")
    assert f"delete {tmp_path / 'mongodb' / 'data'}" in damaged
