"""Sections of the page about a set of images, a file each."""
