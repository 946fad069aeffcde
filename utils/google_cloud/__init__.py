"""Whether a Google Cloud project has what jobs need; a failure names the command to mend it."""
