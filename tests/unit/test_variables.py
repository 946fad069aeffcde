"""Every environment variable that a user may set is documented."""

from __future__ import annotations

import re

from docs.configuration import REFERENCE
from utils.paths import PROJECT_ROOT

# Set by Spyglass itself for the processes that it starts, or by the tests.
INTERNAL = {
    "SPYGLASS_ATTEMPT",
    "SPYGLASS_DATABASE_URI",
    "SPYGLASS_GATE_TOKEN",
    "SPYGLASS_LAST_ATTEMPT",
    "SPYGLASS_SERVER",
    "SPYGLASS_STACK_BEFORE",
    "SPYGLASS_STORE_PARENT",
    "SPYGLASS_STORE_TOKEN",
    "SPYGLASS_USER_HOME",
    "SPYGLASS_USER_UMASK",
}
ROOMS = ("commands", "harbour", "materializers", "plugins", "records", "slurm", "steps", "utils")


def test_every_variable_that_the_code_reads_is_in_the_reference():
    read = {
        name
        for room in ROOMS
        for file in (PROJECT_ROOT / room).rglob("*.py")
        for name in re.findall(r'"(SPYGLASS_[A-Z_]+)"', file.read_text())
    }
    documented = set(re.findall(r"`(SPYGLASS_[A-Z_]+)`", REFERENCE.read_text()))

    assert read - INTERNAL == documented & read
    assert documented <= read
    assert read >= INTERNAL
