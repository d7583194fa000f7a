"""A regular package, so that an installed one of this name is never taken for it."""
