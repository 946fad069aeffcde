"""Emulators of Google for the tests: servers on this machine that speak its protocols."""
