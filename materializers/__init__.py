"""Materializers: how each noun is stored as an artifact and shown in the dashboard."""
