"""`python -m orchestrator`: the same as the console script `orchestrator`."""

import signal

# Python would answer Ctrl-C with a traceback of what is being imported; from then on the command minds it.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from orchestrator.cli import main  # noqa: E402

if __name__ == "__main__":
    main()
