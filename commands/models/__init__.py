"""Versions of models and data sets: listed, compared, promoted."""
