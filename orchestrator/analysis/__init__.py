"""From stored predictions to numbers: scores, intervals, comparisons and the tables of a phase."""
