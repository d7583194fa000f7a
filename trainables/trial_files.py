"""The names of the files of a trial's folder, and the version of their format."""

FORMAT = 1

TRIAL = "trial.json"
HISTORY = "history.csv"
METRICS = "metrics.json"
PREDICTIONS = "predictions.parquet"
SUBMISSION = "submission.csv"
WEIGHTS = "model.safetensors"
CHECKPOINT = "checkpoint"
ERROR = "error.json"
DONE = "done.json"
LOCK = ".lock"
