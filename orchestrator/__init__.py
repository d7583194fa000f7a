"""Planning, running and judging experiments. Never touches a pixel."""

__version__ = "0.1.0"
