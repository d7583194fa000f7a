"""Comparisons of bits in sentences: what `doctor` found, and what runs were stamped with."""

from collections.abc import Sequence

from trainables.bits_verdict import BitsVerdict, Stamp

KINDS = {"cpu": "processor", "cuda": "GPU"}


def bits_sentence(verdict: BitsVerdict) -> str:
    """Say of a place whether a trial gave the same bits twice, and after it was killed and resumed."""
    where = f"On the {KINDS.get(verdict.device, verdict.device)} ({verdict.place})"
    if verdict.is_equal:
        return f"{where} two runs of a small trial, and one killed and resumed, are equal bit by bit."
    if not verdict.runs:
        return (
            f"{where} two runs of the same small trial differ: scores there move from run to run, and small "
            "differences between experiments may be of that."
        )
    return f"{where} two runs of a small trial are equal, but one that was killed and resumed differs."


def stamps_sentence(stamps: Sequence[Stamp | None]) -> str:
    """Say what `doctor` had found where the trials of a phase ran; empty where nothing was compared."""
    known = [stamp for stamp in stamps if stamp is not None]
    if not known:
        return ""
    equal, others = known.count("equal"), len(stamps) - len(known)
    said = [f"{equal} of {len(stamps)} trials ran where two runs of a trial were seen to be equal bit by bit"]
    if len(known) > equal:
        said.append(f"{len(known) - equal} where they were seen to differ")
    if others:
        said.append(f"{others} where nobody had compared them")
    return f"{', '.join(said)} (`doctor`)."
