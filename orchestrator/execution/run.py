"""A run from command to verdict: plan, measure, build pixels, run what is missing, collect, report.

Data flows one way, and every step reads what the one before left on disk; a step whose outcome is there
already is not done again. Ray is started only when a trial is missing.
"""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rich.console import Console

from orchestrator import tracking
from orchestrator.analysis.collect import Tables, collect
from orchestrator.analysis.trial_scores import place_name
from orchestrator.checks import data_gate
from orchestrator.checks.before_images import refuse_before_images, refuse_missing_weights
from orchestrator.checks.gpu_here import refuse_unusable_gpu
from orchestrator.config.earlier_decisions import sentence
from orchestrator.config.load import ResolvedPhase, complete
from orchestrator.console import progress_bar, say
from orchestrator.decisions import decision
from orchestrator.decisions.race import race_rule
from orchestrator.execution import probe
from orchestrator.execution.caps import Budget
from orchestrator.execution.executor import Executor, start_executor
from orchestrator.execution.faces import find_faces
from orchestrator.execution.joining import as_planned, joining_of
from orchestrator.execution.racing import OnLeaving, Race, end_race, is_needed, refuse_race, take_looks
from orchestrator.execution.referee import Referee
from orchestrator.execution.searching import Heard, further_rounds, propose
from orchestrator.execution.within_caps import run_within
from orchestrator.execution.workplace import HERE, IN_PROCESS, origin_text
from orchestrator.plan import record
from orchestrator.plan.changed import changed_since
from orchestrator.plan.data_sets import DataSets
from orchestrator.plan.held_out import held_out_line
from orchestrator.plan.plan import Options, StudyPlan, plan_study
from orchestrator.store.caches import image_caches
from orchestrator.store.decision_file import in_force
from orchestrator.store.folder import Store
from orchestrator.store.price_record import PriceRecord
from orchestrator.store.race_file import EliminationRecord
from orchestrator.store.records import ShortcutRecord
from orchestrator.store.starting import OnStep, announced
from orchestrator.wording.changed_text import changed_sentences
from orchestrator.wording.numbers import capital
from orchestrator.wording.race_text import elimination_sentence, race_sentences
from orchestrator.wording.share_text import share_sentences
from orchestrator.wording.sweep_text import sweep_sentences
from orchestrator.wording.uneven_parts import uneven_sentences
from trainables.data.images.inspection import num_workers
from trainables.errors import InputError
from trainables.hub import prepare_hub
from trainables.trial_inputs import prepare_pixels

Shortcuts = Sequence[ShortcutRecord]


def run_study(
    question: ResolvedPhase, options: Options, *, console: Console, budget: Budget | None = None
) -> Tables:
    """Run what is missing of a phase, within a budget, and leave tables, decision, tracking and report.

    Raises:
        InputError: something that the user has to mend; nothing was started.
    """
    budget = budget or Budget()
    store = Store.open(options.results)
    options = as_planned(options, store.known_study(question.phase.name))
    if options.address in HERE:
        refuse_unusable_gpu(options.device, store)
    with announced(store, question.phase.name) as on_step:
        on_step("reading images")
        with progress_bar(console, "Reading images", quiet=options.quiet) as progress:
            data = DataSets(store, override=options.data, progress=progress)
            study = plan_question(question, options, data, heard := Heard())
        if options.race:
            refuse_race(study, options)
        _say_notes(study, console, quiet=options.quiet)
        on_step("looking for shortcuts")
        shortcuts = data_gate.check_study(study, options, console=console)
        if options.race:
            take_looks(study, _say_leaving(study, options, console))
        else:
            _say_back(end_race(study), console, quiet=options.quiet)
        if is_needed(study, options):
            on_step("looking for near-duplicates")
            for leak in data_gate.group_leaks(study, options, console=console):
                say(f"Warning: {leak}", console=console, style="yellow")
        _run_or_record(study, data, options, console, shortcuts, on_step, budget)
        for further in further_rounds(study, heard, lambda: plan_question(question, options, data, heard)):
            for line in () if options.quiet else sweep_sentences(further.sweeps):
                say(line, console=console)
            shortcuts = data_gate.check_study(further, replace(options, quiet=True), console=console)
            _run_or_record(further, data, options, console, shortcuts, on_step, budget)
    return finish(store, question.phase.name, console=console, quiet=options.quiet, decides=True)


def _run_or_record(
    study: StudyPlan,
    data: DataSets,
    options: Options,
    console: Console,
    shortcuts: Shortcuts,
    on_step: OnStep,
    budget: Budget,
) -> None:
    if is_needed(study, options):
        _run_missing(study, data, options, console, shortcuts, on_step, budget)
    else:
        record.write_rows(study)
        _record_if_new(study, shortcuts, budget.price)


def plan_question(
    question: ResolvedPhase, options: Options, data: DataSets, heard: Heard | None = None
) -> StudyPlan:
    """Plan what a question asks for, or refuse it: at once where no image has to be read to see why.

    Of a search that is what it has proposed by now, with what it has `heard` in this run.

    Raises:
        InputError: what the user has to mend before anything of it can run.
    """
    is_here = options.address in HERE
    refuse_before_images((*question.experiments, *question.possible), data, is_here=is_here)
    completed = complete(question, data.facts, propose(question, options, data, heard or Heard()))
    before = {each.name for each in question.experiments}
    made = [each for each in completed.experiments if each.name not in before]
    refuse_before_images(made, data, is_here=is_here)
    study = _plan_completed(completed, options, data)
    refuse_missing_weights(study, is_here=is_here)
    return study


def _plan_completed(question: ResolvedPhase, options: Options, data: DataSets) -> StudyPlan:
    return plan_study(
        question.phase,
        question.experiments,
        options,
        data=data,
        handed_over=question.handed_over,
        preset=question.request.preset,
        notes=question.notes,
        sweeps=question.made.sweeps,
    )


def _say_notes(study: StudyPlan, console: Console, *, quiet: bool) -> None:
    """Say how data were read, and what was taken over, assumed, or left out.

    Only what may mislead is said to the quiet too.
    """
    for line in () if quiet else (*study.data_lines(), *map(held_out_line, study.held_out())):
        say(line, console=console)
    recipes = study.recipes()
    for each in study.handed_over:
        if each.is_assumed or not quiet:
            say(sentence(each, recipes), console=console, style="yellow" if each.is_assumed else "")
    changed = changed_sentences(changed_since(study), phase=study.phase.name, results=str(study.store.root))
    for line in () if quiet else (*changed, *sweep_sentences(study.sweeps)):
        say(line, console=console)
    for note in study.notes:
        say(f"Note: {note}", console=console, style="yellow")
    for uneven in uneven_sentences(study.uneven, num_experiments=len(study.experiments)):
        say(f"Warning: {uneven}", console=console, style="yellow")


def finish(
    store: Store,
    phase: str,
    *,
    console: Console,
    quiet: bool,
    decides: bool = False,
    sync: bool = False,
) -> Tables:
    """Collect tables, write the report and bring the tracking store up to date, from results/ alone.

    With `decides` a phase that has a decision rule is decided on the way, so that the report shows it.
    """
    from orchestrator.report.page import write_report

    tables = collect(store, phase)
    if decides and tables.study.phase.decision is not None:
        _decide(store, phase, tables, console=console, quiet=quiet)
    write_report(store, tables)
    study = store.study(phase)
    if sync or not tracking.is_synced(store, study):
        try:
            tracking.sync(store, study)
        except tracking.TrackingError as error:
            _warn_tracking(store, phase, str(error), console)
    for line in () if quiet else race_sentences(tables):
        say(line, console=console)
    if not quiet:
        say(f"Tables: {store.collected(phase)}", console=console)
        say(f"Report: {store.report(phase) / 'index.html'}", console=console)
        for line in filter(None, [tracking.moved_sentence(store)]):
            say(line, console=console)
    return tables


def _decide(store: Store, phase: str, tables: Tables, *, console: Console, quiet: bool) -> None:
    """Take the phase's decision, or say why there is none, or what has moved since it was taken."""
    from orchestrator.wording.decision_text import moved_lines, outcome_sentences

    def line(text: str, style: str = "") -> None:
        say(text, console=console, style=style)

    # What was edited or damaged is the user's to mend; what is only not there yet is said.
    in_force(store, phase)
    try:
        found = decision.decide(store, phase, tables=tables)
    except InputError as error:
        reasons = [reason.removeprefix("no decision yet: ") for reason in str(error).splitlines()]
        line(f"No decision yet: {'; '.join(reasons)}")
        return
    for moved in moved_lines(phase, found.moved, found.now):
        line(f"Warning: {moved}", "yellow")
    if not quiet:
        # What is chosen and why; `decide` and the report say the rest.
        for said in outcome_sentences(found.record):
            line(said)
        line(f"Decision: {found.path} (version {found.record.version})")


def _warn_tracking(store: Store, phase: str, problem: str, console: Console) -> None:
    """Say that MLflow misses something, and how it catches up."""
    say(
        f"Warning: MLflow at {tracking.tracking_uri(store)} can't be used ({problem[:160]}); "
        "nothing is lost, "
        f"`python -m orchestrator collect {phase} --sync` catches up later",
        console=console,
        style="yellow",
    )


def _run_missing(
    study: StudyPlan,
    data: DataSets,
    options: Options,
    console: Console,
    shortcuts: Shortcuts,
    on_step: OnStep,
    budget: Budget,
) -> None:
    if any(planned.experiment.pretrained is True for planned in study.experiments):
        # Before Ray starts, so that its workers inherit what is found out.
        prepare_hub()
    experiments = [planned.experiment for planned in study.experiments]

    def begin(step: str) -> None:
        on_step(step)
        if not options.quiet:
            say(capital(step), console=console)

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
        record.write_study(study, shortcuts=shortcuts, price=budget.price, machine=executor.machine)
        _build_pixels(study, options, console)
        _warn_split_batches(study, console)
        on_step("")
        # Where the measurement was all that was missing, nothing is left to run.
        if study.missing():
            run_within(
                study, files, executor, options, console, budget, referees=_referees(study, options, console)
            )


def _referees(study: StudyPlan, options: Options, console: Console) -> list[Referee]:
    """Return what may end parts of the run early."""
    return [Race(study, _say_leaving(study, options, console))] if options.race else []


def _say_leaving(study: StudyPlan, options: Options, console: Console) -> OnLeaving:
    rule = race_rule(study.phase)

    def leaves(each: EliminationRecord) -> None:
        if not options.quiet:
            say(elimination_sentence(each, metric=rule.choose, rope=rule.rope), console=console)

    return leaves


def _say_back(gone: Sequence[EliminationRecord], console: Console, *, quiet: bool) -> None:
    """Say who left an earlier race and runs again."""
    for each in () if quiet else gone:
        where = place_name(each.place)
        say(f"{each.experiment} left a race after {where}: its missing folds are run now", console=console)


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


def _record_if_new(study: StudyPlan, shortcuts: Shortcuts, price: PriceRecord | None) -> None:
    """Rewrite the plan's record only when it plans something else, so that a second run changes no file."""
    known = study.store.known_study(study.phase.name)
    planned = record.study_record(study, shortcuts=shortcuts, price=price)
    if known is None or not known.asks_the_same(planned) or known.price != planned.price:
        study.store.write_study(planned)


def _build_pixels(study: StudyPlan, options: Options, console: Console) -> None:
    """Build the caches that this machine's workers will need; on other nodes each builds its own."""
    for name in dict.fromkeys(trial.experiment for trial in study.missing()):
        planned = study.experiment(name)
        for rows in planned.rows[:1]:
            with progress_bar(console, "Preparing pixels", quiet=options.quiet) as progress:
                prepare_pixels(
                    rows,
                    planned.experiment.recipe_keys(),
                    root=planned.manifest.root,
                    caches=image_caches(study.store),
                    num_threads=max(planned.experiment.num_workers, num_workers()),
                    progress=progress,
                )
