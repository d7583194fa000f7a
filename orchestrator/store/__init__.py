"""results/: what lies where, and the records in it. The one place that knows its paths."""
