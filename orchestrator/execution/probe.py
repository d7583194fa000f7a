"""Questions about each model before its trials have keys: can it be had, and which precision is fast?

Answers that were found before on this type of device are kept in results/ and not asked for again. On this
machine a process of our own looks for them while Ray starts, since both take seconds; on a cluster a worker
does.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.execution.executor import Executor, one_gpu
from orchestrator.plan.measured import is_of_this_card, known_measurement, next_file
from orchestrator.plan.plan import StudyPlan
from orchestrator.plan.weights_lookup import starting_weights, timm_model
from orchestrator.store import provenance
from orchestrator.store.folder import Store, write_measurement
from orchestrator.store.known_weights import write_known_weights
from trainables.backbones import is_kernel_machine, own
from trainables.errors import Problems
from trainables.measurement import ModelAnswer, ModelQuestion
from trainables.own_process import module_environment

PROBE = (sys.executable, "-m", "trainables.training.probe")


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about a model of a study, and where what is found out is kept.

    `path` is the file of what is timed, `timm_model` the model whose weights are looked up ("" = none).
    `is_needed`: without an answer nothing runs.
    """

    path: Path
    question: ModelQuestion
    timm_model: str = ""
    is_needed: bool = True


def questions(study: StudyPlan, device: str) -> list[Asked]:
    """Return what is not known yet of the models of a study, on "cpu" or "cuda".

    A precision that was settled before stays; a larger batch, or another card, is then tried in it. Of
    several batch sizes of one model the largest is tried. timm's weights of a model that is not run now are
    looked up if they can be: its trials have no key without.
    """
    running = {trial.experiment for trial in study.missing()}
    run_models = {
        timm_model(planned.experiment)
        for planned in study.experiments
        if planned.experiment.name in running and planned.experiment.pretrained is True
    }
    asked: dict[tuple[Path, bool | str, bool], Asked] = {}
    largest_first = sorted(study.experiments, key=lambda planned: -planned.experiment.batch_size)
    for planned in largest_first:
        experiment = planned.experiment
        if is_kernel_machine(experiment.backbone):
            continue
        is_run = experiment.name in running
        path = next_file(study.store, experiment, device)
        measured = known_measurement(study.store, experiment, device)
        settled = (
            measured is not None
            and measured.knows(experiment.batch_size, device)
            and (not is_run or is_of_this_card(measured, device))
        )
        timed = not settled and (experiment.precision == "auto" or device == "cuda")
        known = not experiment.pretrained and (own(experiment.backbone) is not None or measured is not None)
        weights = starting_weights(study.store, experiment)
        sought = experiment.pretrained is True and weights is None
        recipe, layout = experiment.recipe_keys(), None
        if measured is not None:
            layout = measured.choice.memory_format
            recipe = recipe.model_copy(update={"precision": measured.choice.precision})
        beside = sought and not is_run and timm_model(experiment) not in run_models
        wanted = [(is_run and not known, timed, True), (beside, False, False)]
        for check, time, is_needed in wanted:
            if not check and not time:
                continue
            question = ModelQuestion(
                recipe=recipe,
                num_classes=planned.num_classes,
                check=check,
                time=time,
                device=device,
                memory_format=layout,
                weights=weights,
            )
            place = (path, experiment.pretrained, is_needed)
            if place in asked:
                # One question of a model is enough, and it asks all that was to be asked.
                before = asked[place].question
                question = before.model_copy(update={"check": before.check or check})
            asked[place] = Asked(path, question, timm_model(experiment) if sought else "", is_needed)
    return list(asked.values())


def asking_text(asked: Sequence[Asked]) -> str:
    """Say what is being found out: the speed of models, or only whether their weights can be had."""
    names = dict.fromkeys(each.question.recipe.backbone for each in asked)
    what = (
        "measuring the speed of"
        if any(each.question.time for each in asked)
        else "looking for the weights of"
    )
    return f"{what} {', '.join(names)}"


def answered_by(executor: Executor, asked: Sequence[Asked]) -> list[ModelAnswer]:
    """Answer on the workers of a cluster."""
    calls = [{"question": each.question} for each in asked]
    found = dict(executor.each(_answer, calls, cpus=1, gpus=one_gpu(executor)))
    return [found[place] for place in range(len(asked))]


def _answer(question: ModelQuestion) -> ModelAnswer:
    """Answer in a process that the worker starts: what it did before has taken memory."""
    done = subprocess.run(
        PROBE,
        input=json.dumps([question.model_dump(mode="json")]),
        env=module_environment(),
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise RuntimeError(f"measuring {question.recipe.backbone} failed: {done.stderr[-2000:]}")
    (found,) = json.loads(done.stdout)
    return ModelAnswer.model_validate(found)


@contextlib.contextmanager
def answering(asked: Sequence[Asked], *, log: Path) -> Iterator[Callable[[], list[ModelAnswer]]]:
    """Look for answers in another process of this machine; what is given waits for them.

    What the process prints goes to `log`. Leaving ends it.
    """
    if not asked:
        yield list
        return
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as stream, tempfile.TemporaryFile("w+", encoding="utf-8") as file:
        json.dump([each.question.model_dump(mode="json") for each in asked], file)
        file.seek(0)
        # A session of its own: Ctrl-C is this process's business, which ends the other.
        process = subprocess.Popen(
            PROBE,
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            start_new_session=True,
        )

    def answers() -> list[ModelAnswer]:
        text, _ = process.communicate()
        if process.returncode != 0:
            raise RuntimeError(f"measuring the models ended with {process.returncode}; see {log}")
        return [ModelAnswer.model_validate(found) for found in json.loads(text)]

    # The block of the process closes its pipe and waits for it.
    with process:
        try:
            yield answers
        finally:
            # With what it has forked: it is a group of its own.
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def keep(store: Store, asked: Sequence[Asked], answers: Sequence[ModelAnswer]) -> list[str]:
    """Write what was found out to results/; return what there is to say of pretrained weights.

    Raises:
        InputError: a backbone does not exist, or its pretrained weights can't be had, or don't fit.
    """
    problems: list[str] = []
    notes: list[str] = []
    for each, answer in zip(asked, answers, strict=True):
        if answer.measurement is not None:
            write_measurement(each.path, answer.measurement.model_copy(update={"measured": provenance.now()}))
        if answer.weights is not None and each.timm_model:
            write_known_weights(store, each.timm_model, answer.weights)
        if answer.problem is not None and each.is_needed:
            problems.append(answer.problem)
        notes += answer.notes
    if problems:
        raise Problems(problems)
    return list(dict.fromkeys(notes))
