"""What runs, where, and what it means. Never touches a pixel."""

__version__ = "0.1.0"
