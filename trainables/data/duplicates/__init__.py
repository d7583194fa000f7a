"""Versions of one picture: fingerprints, a search among them, and what links two."""
