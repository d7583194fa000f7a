"""Backbones: one registry, one file per family."""
