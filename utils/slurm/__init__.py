"""Slurm without ZenML: what a job is told, what the queue says, why a job ended."""
