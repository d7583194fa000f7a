"""Errors after which a process can compute nothing more on its GPU: its CUDA context is broken.

CUDA gives the same error for every later call of the process (CUDA Runtime API, error codes: "leaves the
process in an inconsistent state"), so whatever it did next would fail for no fault of its own.
"""

# As the runtime words them: cudaErrorAssert, IllegalAddress, LaunchFailure, MisalignedAddress,
# IllegalInstruction, HardwareStackError, ECCUncorrectable.
BREAKING = (
    "device-side assert",
    "illegal memory access",
    "unspecified launch failure",
    "misaligned address",
    "illegal instruction",
    "hardware stack error",
    "uncorrectable ECC error",
)


class BrokenContextError(RuntimeError):
    """The process has to leave; its trial can go on in another one, from its last checkpoint."""


def breaks_context(error: Exception) -> bool:
    """Tell whether an error has broken the CUDA context of this process."""
    text = str(error)
    return isinstance(error, RuntimeError) and "CUDA" in text and any(words in text for words in BREAKING)
