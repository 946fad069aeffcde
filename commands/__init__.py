"""The command line: flags, checks before work, messages."""
