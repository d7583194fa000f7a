"""Sections of the page of a phase, one file each: material in, titles, prose, figures and tables out."""
