"""Properties are checked without a deadline: a busy machine is no broken promise."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
