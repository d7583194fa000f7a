"""`python -m orchestrator`: the same as the console script `orchestrator`."""

from orchestrator.cli import main

if __name__ == "__main__":
    main()
