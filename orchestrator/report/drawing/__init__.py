"""Figures: what they are drawn on, and one file for each kind."""
