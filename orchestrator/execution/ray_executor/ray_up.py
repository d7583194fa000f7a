"""Opinion of Ray's own validator on a file for `ray up`."""

import copy
import logging
from typing import Any


def refusal_by_ray(config: Any) -> str:
    """Return the reason for which `ray up` would refuse a cluster's configuration; "" where it takes it.

    Its validator is private to Ray and may move with its version, which constraints.txt fixes.

    Args:
        config: what the file holds, as YAML has it; it is left as it is.
    """
    from ray.autoscaler._private.util import prepare_config, validate_config

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
