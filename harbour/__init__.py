"""Harbours seen from above: drawn from random numbers, the same for the same seed."""
