"""Stacks: described in YAML, registered with ZenML, checked part by part."""
