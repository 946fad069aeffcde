"""Detectors: train, evaluate, predict, merge."""
