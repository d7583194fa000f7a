"""The width of output that is no terminal: a line in a file or a pipe is never broken."""

# More columns than any sentence, path or table has.
UNWRAPPED = 100_000
