"""Numbers from stored predictions: scores, intervals, comparisons and the tables of a phase."""
