"""Runs of pipelines: configured, checked, carried out, summed up."""
