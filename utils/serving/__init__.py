"""Detectors outside the pipelines: bundles that prove themselves, and the service of them."""

from utils.errors import ServiceError
from utils.serving.client import Client

__all__ = ["Client", "ServiceError"]
