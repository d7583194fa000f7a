"""Copies of a data set: cropped to faces, or equalised."""
