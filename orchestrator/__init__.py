"""Planning, running and judging experiments. Never touches a pixel.

    from orchestrator import Detector, Study, load_results

`Study` runs a phase, `load_results` reads what is stored, `Detector` scores images by trained models. Each is
imported when it is first asked for, so that the package itself loads nothing heavy; type checkers read them
from __init__.pyi, since what is imported here would count as the source of everything in the package.
"""

import importlib

__version__ = "0.1.0"
# Public name -> the module that defines it.
LAZY = {
    "Detector": "orchestrator.detector",
    "Study": "orchestrator.notebook.study",
    "load_results": "orchestrator.notebook.results",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for."""
    if name not in LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(LAZY[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *LAZY])
