"""Detectors outside the pipelines: bundles that prove themselves, and the service of them."""
