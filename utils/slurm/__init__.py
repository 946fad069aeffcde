"""Slurm without ZenML: job scripts, states of the queue, and reasons of endings."""
