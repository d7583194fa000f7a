"""The words of what a notebook shows, without markup."""

import html
import re

from orchestrator.notebook.view import View


def shown_text(view: View) -> str:
    """Return the text of a view on one line, as a reader sees it."""
    markup = re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", view._repr_html_(), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", markup)).replace("\u00a0", " ").split())
