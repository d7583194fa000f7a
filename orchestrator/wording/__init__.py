"""Decisions and comparisons in sentences."""
