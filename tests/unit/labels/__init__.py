"""Tests of the parsers of label files."""
