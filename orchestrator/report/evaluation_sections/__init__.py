"""Sections of the page of an evaluation on another data set, a file each."""
