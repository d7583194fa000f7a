"""Trials before they run: their data, keys, resources, and the record of it all."""
