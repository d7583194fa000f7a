"""GPUs of a machine as torch can use them: one small sum on each, and why it fails.

`python -m trainables.cuda_check` prints the answer as JSON. It is a process of its own, so that no memory of
a GPU stays with whoever asks, and that a driver which ends the process ends that one alone.
"""

import json
import re
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from trainables.device import driver_version
from trainables.own_process import module_environment

# The first driver for Linux that runs each major version of CUDA (NVIDIA, "CUDA Compatibility": minor version
# compatibility).
FIRST_DRIVER = {11: "450.80.02", 12: "525.60.13", 13: "580.65.06"}
TIMEOUT_S = 180.0


@dataclass(frozen=True, slots=True)
class CudaFacts:
    """What torch says of the GPUs: their names and memory, versions ("" = unknown), and what failed.

    `driver` is the kernel's version of the NVIDIA driver, `driver_cuda` the newest CUDA that it runs, and
    `torch_cuda` the one that torch was built for ("" = a build for the CPU).
    """

    names: tuple[str, ...] = ()
    memory_mib: tuple[float, ...] = ()
    torch: str = ""
    torch_cuda: str = ""
    driver: str = ""
    driver_cuda: str = ""
    error: str = ""


def cuda_facts() -> CudaFacts:
    """Try every GPU with torch; what fails is in `error`, in a line."""
    import torch

    names, memory_mib, error = [], [], ""
    try:
        for place in range(torch.cuda.device_count()):
            total = torch.ones(8, device=f"cuda:{place}").sum().item()
            assert total == 8.0, f"GPU {place} adds eight ones to {total}"
            properties = torch.cuda.get_device_properties(place)
            names.append(properties.name)
            memory_mib.append(properties.total_memory / 2**20)
    # Whatever a driver does wrong is what is asked for here.
    except Exception as problem:
        error = " ".join(str(problem).split())[:200] or type(problem).__name__
    # Of a build for the CPU the function is not there.
    number = getattr(torch._C, "_cuda_getDriverVersion", int)()
    return CudaFacts(
        names=tuple(names),
        memory_mib=tuple(memory_mib),
        torch=str(torch.__version__),
        torch_cuda=torch.version.cuda or "",
        driver=driver_version(),
        driver_cuda=f"{number // 1000}.{number % 1000 // 10}" if number else "",
        error=error,
    )


def has_card(devices: Path = Path("/dev")) -> bool:
    """Tell whether an NVIDIA card has its device file, whether or not CUDA works on it."""
    return any(re.fullmatch(r"nvidia\d+", path.name) for path in devices.glob("nvidia*"))


def cuda_problem(facts: CudaFacts, *, where: str, counted: int) -> str:
    """Say in a sentence why not all of the GPUs that are counted can train; empty where they can.

    Args:
        facts: what `cuda_facts` found.
        where: the machine, as it is called.
        counted: how many GPUs somebody counts there: Ray, or the driver.
    """
    if counted <= len(facts.names) and not facts.error:
        return ""
    gpus = "a GPU" if counted == 1 else f"{counted} GPUs"
    has = f"{where} has {gpus}"
    if not facts.torch:
        return f"{has}, and torch does not start there: {facts.error}; see nvidia-smi there"
    if not facts.torch_cuda:
        return f"{has}, but its torch ({facts.torch}) is a build for the CPU; install one for CUDA there"
    needed = int(facts.torch_cuda.split(".")[0])
    driver = f"driver {facts.driver or 'of unknown version'}"
    if facts.driver_cuda and int(facts.driver_cuda.split(".")[0]) < needed:
        first = f"{FIRST_DRIVER[needed]} or later" if needed in FIRST_DRIVER else f"one for CUDA {needed}"
        return (
            f"{has}, but its {driver} is for CUDA {facts.driver_cuda} and torch {facts.torch} for CUDA "
            f"{facts.torch_cuda}: it needs driver {first}, or a torch for CUDA {facts.driver_cuda}"
        )
    sees = "none of them" if not facts.names else f"{len(facts.names)} of them"
    return (
        f"{has}, and torch {facts.torch} (CUDA {facts.torch_cuda}, {driver}) can use "
        f"{'it not' if counted == 1 else sees}: {facts.error or 'it sees no more'}; see nvidia-smi there"
    )


def asked_apart() -> CudaFacts:
    """Return `cuda_facts` of this machine, found out in a process of its own."""
    environment = module_environment()
    if environment.get("CUDA_VISIBLE_DEVICES") == "":
        # What Ray hides from a task that asks for no GPU.
        del environment["CUDA_VISIBLE_DEVICES"]
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "trainables.cuda_check"],
            capture_output=True, text=True, timeout=TIMEOUT_S, env=environment, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return CudaFacts(driver=driver_version(), error=f"no answer within {TIMEOUT_S:.0f} s")
    if ended.returncode:
        last = (ended.stderr.strip().splitlines() or [f"ended with {ended.returncode}"])[-1][:200]
        return CudaFacts(error=last, driver=driver_version())
    return TypeAdapter(CudaFacts).validate_json(ended.stdout.splitlines()[-1])


if __name__ == "__main__":
    print(json.dumps(asdict(cuda_facts())))
