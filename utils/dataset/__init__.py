"""Labelled datasets: checks, splits, the YOLO layout."""
