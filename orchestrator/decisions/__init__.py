"""The rule of a phase, and its frozen outcome."""
