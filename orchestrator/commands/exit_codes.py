"""Exit codes of the commands, as `cli` documents them.

0 is success. A usage, configuration or data error means that nothing was started.
"""

EXIT_FAILED, EXIT_INPUT, EXIT_INTERRUPTED, EXIT_TERMINATED = 1, 2, 130, 143
