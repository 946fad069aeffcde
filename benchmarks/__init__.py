"""Comparisons of two ways of doing the same work, in one run: `make bench`."""
