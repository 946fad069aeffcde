"""Retraining: when it is due, what it does, and how a kill is picked up."""
