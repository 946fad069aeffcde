"""Counts of objects with confidence intervals, from predictions and a reviewed random sample.

The statistics (`design`, `estimator`, `intervals`) need NumPy and SciPy only, and know arrays;
docs/counting.md derives them and names the sources.
"""
