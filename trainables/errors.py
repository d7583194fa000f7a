"""The one exception that means: the input is at fault, not the program.

It carries a single sentence that says what is wrong, where, and how to mend it. The command line
shows that sentence and exits with 2; every other exception is a defect of ours.
"""


class InputError(ValueError):
    """The user's input can't be used; the message says what, where, and the way out."""
