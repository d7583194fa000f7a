"""Sections of the page of a phase, a file each: material in, titles, prose, figures and tables out."""
