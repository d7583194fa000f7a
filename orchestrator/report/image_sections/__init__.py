"""Sections of the page about a set of images, one file each."""
