"""Figures: what they are drawn on, and one file for each kind."""

import logging

# Without a home folder matplotlib keeps its list of fonts in a temporary one, which concerns nobody and which
# it says while it is imported.
logging.getLogger("matplotlib").setLevel(logging.ERROR)
