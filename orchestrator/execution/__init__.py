"""Runs what is missing: faces, pixels and precision first, then the trials on an executor."""
