"""What has to be known of each model before its trials have keys: can it be had, and which precision is fast?

Answers that were found before on this type of device are kept in results/ and not asked for again. On this
machine a process of our own looks for them while Ray starts, since both take seconds; on a cluster a worker
does.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.plan.plan import Study, fits, measurement_file, read_measurement
from orchestrator.store import provenance
from trainables.backbones import is_kernel_machine, own
from trainables.errors import InputError
from trainables.files import write_json

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be found out of one model.

    `arguments` are those of `probe.answer`; `path` keeps what is timed.
    """

    path: Path
    arguments: Mapping[str, Any]


def questions(study: Study, device: str) -> list[Question]:
    """Return what is not known yet of the models of a study, on "cpu" or "cuda".

    A precision that was settled before stays; a larger batch is then tried in it. Of several batch sizes of
    one model the largest is tried.
    """
    running = {trial.experiment for trial in study.missing()}
    asked: dict[tuple[Path, bool], Question] = {}
    largest_first = sorted(study.experiments, key=lambda planned: -planned.experiment.batch_size)
    for planned in largest_first:
        experiment = planned.experiment
        if is_kernel_machine(experiment.backbone):
            continue
        path = measurement_file(study.store, experiment, device)
        measured = read_measurement(study.store, experiment, device)
        settled = measured is not None and fits(measured, experiment.batch_size, device)
        timed = not settled and (experiment.precision == "auto" or device == "cuda")
        known = not experiment.pretrained and (own(experiment.backbone) is not None or measured is not None)
        checked = experiment.name in running and not known
        if not timed and not checked:
            continue
        recipe, layout = experiment.recipe_keys(), None
        if measured is not None:
            layout = measured["choice"]["memory_format"]
            recipe = recipe.model_copy(update={"precision": measured["choice"]["precision"]})
        arguments = {
            "recipe": recipe.model_dump_json(),
            "num_classes": planned.num_classes,
            "check": checked,
            "time": timed,
            "device": device,
            "memory_format": layout,
        }
        asked.setdefault((path, experiment.pretrained), Question(path, arguments))
    return list(asked.values())


def answer(question: Mapping[str, Any]) -> Answer:
    """Answer one question on a worker of a cluster."""
    from trainables.training import probe

    return probe.answer(**question)


@contextlib.contextmanager
def answering(asked: Sequence[Question], *, log: Path) -> Iterator[Callable[[], list[Answer]]]:
    """Look for answers in another process of this machine; what is given waits for them.

    What the process prints goes to `log`. Leaving ends it.
    """
    if not asked:
        yield list
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as stream, tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        json.dump([dict(question.arguments) for question in asked], file)
        file.seek(0)
        # A session of its own: Ctrl-C is this process's business, which ends the other.
        process = subprocess.Popen(
            [sys.executable, "-m", "trainables.training.probe"],
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            start_new_session=True,
        )

    def answers() -> list[Answer]:
        text, _ = process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"measuring the models ended with {process.returncode}; see {log}")
        return list(json.loads(text))

    # The block of the process closes its pipe and waits for it.
    with process:
        try:
            yield answers
        finally:
            process.kill()


def keep(asked: Sequence[Question], answers: Sequence[Answer]) -> None:
    """Write what was timed to results/.

    Raises:
        InputError: a backbone does not exist, or its pretrained weights can't be had.
    """
    problems = []
    for question, found in zip(asked, answers, strict=True):
        if "problem" in found:
            problems.append(found["problem"])
        elif found:
            write_json(question.path, {**found, "measured": provenance.now()})
    if problems:
        raise InputError("\n".join(dict.fromkeys(problems)))
