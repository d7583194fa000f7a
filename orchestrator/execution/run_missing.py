"""Trials that are missing, from a plan to what their workers leave: measured, prepared for, run.

Ray is started only here. On a cluster with remote results, what workers need is handed out before they begin.
"""

import contextlib
from collections.abc import Iterator, Sequence

from rich.console import Console

from orchestrator.console import say
from orchestrator.decisions.race import race_rule
from orchestrator.execution import probe
from orchestrator.execution.caps import Budget
from orchestrator.execution.executor import Executor, start_executor
from orchestrator.execution.faces import find_faces
from orchestrator.execution.joining import joining_of
from orchestrator.execution.pixel_builds import build_pixels
from orchestrator.execution.racing import OnLeaving, Race
from orchestrator.execution.referee import Referee
from orchestrator.execution.remote_places import hand_out
from orchestrator.execution.remote_run import in_turn
from orchestrator.execution.within_caps import run_within
from orchestrator.execution.workplace import HERE, IN_PROCESS, origin_text
from orchestrator.plan import record
from orchestrator.plan.data_sets import DataSets
from orchestrator.plan.plan import Options, StudyPlan, plan_study
from orchestrator.store.race_file import EliminationRecord
from orchestrator.store.records import ShortcutRecord
from orchestrator.store.remote.shared_names import MEASURED
from orchestrator.store.starting import OnStep
from orchestrator.wording.numbers import capital
from orchestrator.wording.race_text import elimination_sentence
from orchestrator.wording.settings_text import uncut_sentences
from orchestrator.wording.share_text import share_sentences
from trainables.hub import prepare_hub

Shortcuts = Sequence[ShortcutRecord]


def run_missing(
    study: StudyPlan,
    data: DataSets,
    options: Options,
    console: Console,
    shortcuts: Shortcuts,
    on_step: OnStep,
    budget: Budget,
) -> None:
    """Run what is missing of a plan, within a budget, on an executor that is started for it.

    Raises:
        InputError: there is no such cluster, a model can't be had, or images can't be used.
    """
    if any(planned.experiment.pretrained is True for planned in study.experiments):
        # Before Ray starts, so that its workers inherit what is found out.
        prepare_hub()
    experiments = [planned.experiment for planned in study.experiments]

    def begin(step: str) -> None:
        on_step(step)
        if not options.quiet:
            say(capital(step), console=console)

    if options.shard is not None:
        _measure_in_turn(study, options, console, begin)
    with _started(study, options, console, begin) as executor:
        study = plan_study(
            study.phase,
            experiments,
            options,
            data=data,
            handed_over=study.handed_over,
            preset=study.preset,
            notes=study.notes,
            sweeps=study.sweeps,
            machine=executor.machine,
            device=executor.device,
        )
        on_step("looking for faces and preparing pixels")
        find_faces(study, executor, console=console, quiet=options.quiet)
        files = record.write_rows(study)
        threads = {trial.experiment: trial.share.threads for trial in study.missing()}
        for line in share_sentences(record.known_shares(study), threads, cores=executor.machine.cores):
            say(f"Warning: {line}", console=console, style="yellow")
        planned = record.write_study(study, shortcuts=shortcuts, price=budget.price, machine=executor.machine)
        # The report says so too, but only when all of it has been trained.
        for line in uncut_sentences(planned):
            say(f"Warning: {line}", console=console, style="yellow")
        build_pixels(study, options, console)
        if options.address not in HERE:
            hand_out(study, files)
        _warn_split_batches(study, console)
        on_step("")
        # Where the measurement was all that was missing, nothing is left to run.
        if study.missing():
            run_within(
                study, files, executor, options, console, budget, referees=_referees(study, options, console)
            )


def _referees(study: StudyPlan, options: Options, console: Console) -> list[Referee]:
    """Return what may end parts of the run early."""
    return [Race(study, say_leaving(study, options, console))] if options.race else []


def say_leaving(study: StudyPlan, options: Options, console: Console) -> OnLeaving:
    """Return what says that an experiment has left a race."""
    rule = race_rule(study.phase)

    def leaves(each: EliminationRecord) -> None:
        if not options.quiet:
            say(elimination_sentence(each, metric=rule.choose, rope=rule.rope), console=console)

    return leaves


def _warn_split_batches(study: StudyPlan, console: Console) -> None:
    """Say where a batch is worked on in parts, and that batch normalisation makes a difference of it."""
    for planned in study.experiments:
        recipe = planned.recipe
        if recipe is None or recipe.micro_batch is None:
            continue
        note = ""
        if planned.measurement is not None and planned.measurement.batch_norm:
            note = (
                "; its batch normalisation sees the parts, so scores may differ from those of whole batches"
            )
        say(
            f"Warning: {planned.experiment.name}: a batch of {recipe.batch_size} does not fit into memory "
            f"and is worked on in parts of {recipe.micro_batch}{note}",
            console=console,
            style="yellow",
        )


@contextlib.contextmanager
def _started(study: StudyPlan, options: Options, console: Console, begin: OnStep) -> Iterator[Executor]:
    """Start an executor and find out what has to be known of the models, both at once on this machine.

    `begin` is told what takes a while.

    Raises:
        InputError: no such cluster, no such backbone, or its weights can't be had.
    """
    logs = study.store.logs
    known = study.store.known_study(study.phase.name)
    joining = joining_of(options, known, begin, results=study.store.root)
    if options.address not in HERE:
        begin(f"joining the Ray at {options.address}{origin_text(options.address)}")
        with start_executor(options.address, logs=logs, joining=joining, debug=options.debug) as executor:
            asked = probe.questions(study, executor.device)
            if asked:
                begin(probe.asking_text(asked))
            _say_weights(probe.keep(study.store, asked, probe.answered_by(executor, asked)), options, console)
            yield executor
        return
    asked = probe.questions(study, study.device)
    steps = [probe.asking_text(asked)] if asked else []
    steps += ["starting Ray"] if options.address != IN_PROCESS else []
    if steps:
        begin(" and ".join(steps))
    with (
        probe.answering(asked, log=logs / "models.log") as answers,
        start_executor(options.address, logs=logs, joining=joining, debug=options.debug) as executor,
    ):
        _say_weights(probe.keep(study.store, asked, answers()), options, console)
        yield executor


def _say_weights(notes: Sequence[str], options: Options, console: Console) -> None:
    """Say what was taken from pretrained weights, and what was not."""
    for note in notes:
        if not options.quiet:
            say(f"Pretrained: {note}", console=console)


def _measure_in_turn(study: StudyPlan, options: Options, console: Console, begin: OnStep) -> None:
    """Find out what has to be known of the models, one shard after the other: all settle on the same."""
    store = study.store
    with in_turn(store, "measuring", *MEASURED, console=console):
        asked = probe.questions(study, study.device)
        if asked:
            begin(probe.asking_text(asked))
        with probe.answering(asked, log=store.logs / "models.log") as answers:
            _say_weights(probe.keep(store, asked, answers()), options, console)
