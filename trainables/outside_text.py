"""Text from outside, made harmless: names of files, cells of tables, addresses, messages of libraries.

visible            for screens: control characters and what turns the direction of writing are spelled out,
                   so that a name can neither clear a screen nor hide a part of itself
without_accounts   for messages and records: addresses without user, password and signature
without_middle     for messages: a text of which the middle is left out where it is long
spreadsheet_cell   for tables that others open: a text that a spreadsheet would take for a formula has an
                   apostrophe in front of it, which spreadsheets don't show; `from_spreadsheet` takes it away
"""

import re

# Line feed and tab are how messages are laid out. The last range can't be written as UTF-8.
_ORDERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
# As a path, an address has one slash. A password may hold slashes and colons; a number behind the colon is
# that of a port.
_ACCOUNT = re.compile(r"(\b[A-Za-z][\w+.-]+:/{1,2})[^\s/@]*(?::(?!\d+(?:[/'\"\s]|$))\S*)?@")
_SECRET = re.compile(
    r"([?&][^=&\s]*(?:password|passwd|pwd|token|secret|signature|credential|key)[^=&\s]*=)[^&\s'\"#]+", re.I
)
MOST_SHOWN = 200
_FORMULA = re.compile("'*[=+\\-@\x00-\x1f\x7f-\x9f]")
# Numbers as tables here show them: with a sign, a unit, an interval.
_NUMBER = re.compile(r"[+-]?(?:[\d.,\s%()\[\]±+−–-]|\bto\b|(?<=\d)[eE](?=[+−-]?\d)|\binf\b)*")


def visible(text: str) -> str:
    """Return a text of which a terminal shows everything and obeys nothing."""
    return _ORDERS.sub(lambda order: order[0].encode("unicode_escape").decode(), text)


def without_accounts(text: str) -> str:
    """Return a text whose addresses hold no user, password or signature."""
    return _SECRET.sub(r"\1...", _ACCOUNT.sub(r"\1", text))


def without_middle(text: str, most: int = MOST_SHOWN) -> str:
    """Return a text without its middle where it has more than `most` letters."""
    return text if len(text) <= most else f"{text[: most // 2]}...{text[-(most // 2) :]}"


def spreadsheet_cell(text: str) -> str:
    """Return a text as a cell that no spreadsheet takes for a formula; a number stays one."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def from_spreadsheet(cell: str) -> str:
    """Return the text that `spreadsheet_cell` made a cell of."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
