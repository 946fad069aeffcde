"""Annotation: proposals, reviews and agreement, and the annotators that hold them."""
