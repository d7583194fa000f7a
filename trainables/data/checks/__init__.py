"""Faults of a data set: leakage, and shortcuts that give the class away."""
