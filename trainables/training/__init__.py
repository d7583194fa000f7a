"""The training loop and its parts: losses, optimisers, schedules, precision, checkpoints."""
