"""Images on disk to rows, folds and pixels. Nothing in here imports torch, so that `plan` answers at once."""
