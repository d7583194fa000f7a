"""Results, runs and images for Python and notebooks, over the functions that the commands call."""
