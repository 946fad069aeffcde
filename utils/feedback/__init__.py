"""Feedback: which tiles people shall look at next."""
