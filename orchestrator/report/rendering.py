"""Pages as HTML: the template filled with sections.

Everything that comes from people is escaped, and figures become part of the page.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.report.drawing import picture
from orchestrator.report.section import Block, Document

if TYPE_CHECKING:
    import jinja2

HERE = Path(__file__).parent
# Where a long name or path may go on in the next line of a table.
BREAK = re.compile(r"(?<=[_/.\-])(?=[^\d\s])")
# A hyphen that stands for minus: before a number, after a space or a bracket.
MINUS = re.compile(r"(?<=[ (])-(?=\d)")
# What belongs to a number stays in its line: "p = 0.04", "95 %".
BOUND = re.compile(r"(?<=\bp) (?=[=<] \d)|(?<=\bp [=<]) (?=\d)|(?<=\d) (?=%)")

# Selectors of a whole page, at the start of a rule.
PAGE = re.compile(r"(?<![^\s}])(?::root|body)(?= \{)")


def render_page(page: Document, *, styles: Sequence[str] = ("style.css",)) -> str:
    """Return the HTML of a page, with the style sheets of these names in it."""
    from markupsafe import Markup

    css = "\n".join((HERE / name).read_text(encoding="utf-8") for name in styles)
    return _templates().get_template("page.html.j2").render(page=page, css=Markup(css))


def typeset_prose(sentence: str) -> str:
    """Return one of our sentences with true minus signs, and with what belongs to a number in its line."""
    return BOUND.sub("\u00a0", MINUS.sub("−", sentence))


def render_part(title: str, blocks: Sequence[Block], *, styles: Sequence[str] = ("style.css",)) -> str:
    """Return blocks under a title as HTML for a page of others, whose look it neither takes nor changes."""
    from markupsafe import Markup

    css = "\n".join((HERE / name).read_text(encoding="utf-8") for name in styles)
    # The rules are nested in that of the part, which stands for the page.
    css = PAGE.sub("&", css)
    return _templates().get_template("part.html.j2").render(title=title, blocks=blocks, css=Markup(css))


def _templates() -> "jinja2.Environment":
    """The environment of the templates; jinja2 is imported only when a page is written."""
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
    made.filters["prose"] = lambda text: made.filters["breakable"](typeset_prose(text))
    made.filters["inline"] = lambda panel: Markup(picture.inline(panel.picture.svg, panel.label))
    return made
