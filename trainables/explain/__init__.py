"""Explanations of a trained network's scores: maps of the places that matter, and checks of such maps."""
