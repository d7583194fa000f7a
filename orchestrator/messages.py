"""What commands say: sentences on standard output, warnings and errors on standard error."""

from rich.console import Console


def say(line: str) -> None:
    """Print a sentence as it is: no markup, no colours for numbers, no line breaks of our own."""
    Console().print(line, markup=False, highlight=False, soft_wrap=True)


def warn(line: str) -> None:
    """Print a warning."""
    _aside(f"Warning: {line}", "yellow")


def complain(message: str) -> None:
    """Print an error, a line each where there are several."""
    for line in message.splitlines():
        _aside(f"Error: {line}", "red")


def _aside(line: str, style: str) -> None:
    Console(stderr=True).print(line, style=style, markup=False, highlight=False, soft_wrap=True)
