"""What may be wrong with a data set: leakage, and shortcuts that give the class away."""
