"""Slurm for ZenML: a step operator whose steps are jobs of a cluster."""
