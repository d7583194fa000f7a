"""Ray's own opinion of a file that `ray up` is given.

It has a module of its own beside the executor's, since it needs a corner of Ray that starts nothing. That
corner is private to Ray and may move with its version, which constraints.txt fixes.
"""

import copy
import logging
import os
from typing import Any

os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")

from ray.autoscaler._private.util import prepare_config, validate_config


def refusal_by_ray(config: Any) -> str:
    """Return the reason for which Ray would refuse a cluster's configuration; "" where it takes it.

    Args:
        config: what the file holds, as YAML has it; it is left as it is.
    """
    logger = logging.getLogger("ray.autoscaler._private.util")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        validate_config(prepare_config(copy.deepcopy(config)))
    except Exception as error:
        # Whatever is wrong with a file comes as any exception: its steps look up keys as they need them.
        where = ".".join(map(str, getattr(error, "absolute_path", ())))
        said = str(getattr(error, "message", error)).strip().splitlines() or [type(error).__name__]
        lacks = "it lacks " if isinstance(error, KeyError) else ""
        return f"{f'{where}: ' if where else ''}{lacks}{said[0][:300]}"
    finally:
        logger.setLevel(level)
    return ""
