"""Detectors outside the pipelines: bundles that prove themselves, and the service of them."""

from utils.serving.client import Client, ServiceError

__all__ = ["Client", "ServiceError"]
