"""Checks of a Google Cloud project before jobs run in it; a failure names the remedy."""
