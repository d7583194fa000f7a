"""JSON files to validated experiments and phases."""
