"""The executor with Ray, and the one package that knows Ray.

`session` begins a local Ray (`local_ray`, in the folder that `session_place` holds) or joins one by address,
`joined` is what was joined, `node_watch` judges its nodes, `card_watch` minds cards that break and
`engine_watch` Ray's own processes, `fan_out` runs tasks (in their `task_order`) and calls, `loss_reasons`
tells why a worker was lost, `staying` calls of workers that stay, `ray_up` asks Ray about a file for
`ray up`. Ray reads the environment when it is imported, so that is set here, before any of them is.
"""

import os
import warnings

# Read by Ray when it is imported. The last three are for the C library of the workers: every trial runs in a
# thread of its own, whose memory would stay with that thread, and mapping each activation anew costs a tenth
# of a step.
SETTINGS = {
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_THRESHOLD_S": "3600",
    "TUNE_MAX_PENDING_TRIALS_PG": "auto",
    "RAY_DEDUP_LOGS": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**32),
}
for _name, _value in SETTINGS.items():
    os.environ.setdefault(_name, _value)

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import ray.tune  # noqa: F401
