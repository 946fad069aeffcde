"""Feedback: the choice of tiles to review next."""
