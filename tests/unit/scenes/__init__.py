"""Tests of the readers of scenes."""
