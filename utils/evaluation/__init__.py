"""How good a detector is, how sure that is, and which of two is better."""
