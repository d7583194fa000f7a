"""The names of the files of a trial's folder, and the version of their format."""

FORMAT = 1

TRIAL = "trial.json"
HISTORY = "history.csv"
METRICS = "metrics.json"
PREDICTIONS = "predictions.parquet"
SUBMISSION = "submission.csv"
WEIGHTS = "model.safetensors"
CHECKPOINT = "checkpoint"
# In the checkpoint: the state, and the best weights by their epoch.
STATE, BEST = "state.safetensors", "best-{epoch}.safetensors"
ERROR = "error.json"
DONE = "done.json"
LOCK = ".lock"
