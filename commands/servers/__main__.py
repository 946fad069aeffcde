"""`python -m commands.servers NAME`."""

import sys

from commands.servers.embedded import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
