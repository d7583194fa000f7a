"""Tables to a page for people."""
