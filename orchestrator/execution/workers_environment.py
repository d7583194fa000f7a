"""Environment that workers on other machines have in common with the process of the command.

On one machine workers inherit it. What a node's own Ray was started with says nothing of this command; and
what is secret is not sent about: Ray shows it on its pages.
"""

import json
import os
from collections.abc import Iterable, Mapping

CARRIED = ("ORCHESTRATOR_", "HF_", "OMP_", "MKL_", "OPENBLAS_", "KMP_", "GOMP_", "CUBLAS_", "NVIDIA_TF32_")
SECRET = ("TOKEN", "KEY", "SECRET", "PASSWORD", "CREDENTIAL")
# Where Ray tells a submitted job what its workers get anyway; it refuses a name that is given twice.
OF_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"


def carried_environment(
    settings: Iterable[str], environment: Mapping[str, str] = os.environ
) -> dict[str, str]:
    """Return the variables that workers get: `settings` by name, and those whose names begin as CARRIED."""
    job = json.loads(environment.get(OF_JOB) or "{}")
    given = ((job.get("runtime_env") or {}).get("env_vars")) or {}
    return {
        name: value
        for name, value in environment.items()
        if (name in settings or name.startswith(CARRIED))
        and not any(word in name for word in SECRET)
        and name not in given
    }
