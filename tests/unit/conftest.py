"""Properties are checked without a deadline: a busy machine is no broken promise."""

from __future__ import annotations

from hypothesis import settings

# `benchmarks.fuzzing` tries many more; here every run tries other examples.
settings.register_profile("unhurried", deadline=None, max_examples=40)
settings.load_profile("unhurried")
