"""Runs of pipelines: configuration, checks before work, execution, progress, failures."""
