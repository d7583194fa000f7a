"""Exit codes of the commands, as `cli` documents them.

0 is success. A usage, configuration or data error means that nothing was started. A command that a signal
ends has 128 and the signal's number, as shells have it: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP.
"""

EXIT_FAILED, EXIT_INPUT, EXIT_INTERRUPTED = 1, 2, 130


def exit_of(signal_number: int) -> int:
    """Return the exit code of a command that a signal has ended."""
    return 128 + signal_number
