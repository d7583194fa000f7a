"""Rows to folds, and a trial's rows to their parts."""
