"""How pages are made of templates.

Everything that comes from people is escaped, and figures become part of the page.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.report.drawing import picture
from orchestrator.wording import numbers

if TYPE_CHECKING:
    import jinja2

HERE = Path(__file__).parent
# Where a long name or path may go on in the next line of a table.
BREAK = re.compile(r"(?<=[_/.\-])(?=[^\d\s])")
# A hyphen that stands for minus: before a number, after a space or a bracket.
MINUS = re.compile(r"(?<=[ (])-(?=\d)")
# What belongs to a number stays in its line: "p = 0.04", "95 %".
BOUND = re.compile(r"(?<=\bp) (?=[=<] \d)|(?<=\bp [=<]) (?=\d)|(?<=\d) (?=%)")


def environment() -> "jinja2.Environment":
    """Return the environment of every page's template; jinja2 is imported only when a page is written."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    made = Environment(
        autoescape=True,
        loader=FileSystemLoader(HERE),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["breakable"] = lambda text: Markup("<wbr>").join(BREAK.split(text))
    made.filters["prose"] = lambda text: made.filters["breakable"](BOUND.sub("\u00a0", MINUS.sub("−", text)))
    made.filters["when"] = numbers.when
    made.filters["inline"] = lambda panel: Markup(picture.inline(panel.svg, panel.label))
    return made
