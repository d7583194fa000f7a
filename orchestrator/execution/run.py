"""A run from command to verdict: plan, measure, build pixels, run what is missing, collect, report.

Data flows one way, and every step reads what the one before left on disk; a step whose outcome is there
already is not done again. Ray is started only when a trial is missing.
"""

from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console

from orchestrator import tracking
from orchestrator.analysis.collect import Tables, collect
from orchestrator.analysis.trial_scores import place_name
from orchestrator.checks import data_gate
from orchestrator.checks.before_images import refuse_before_images, refuse_missing_weights
from orchestrator.checks.disk_room import refuse_small_disk
from orchestrator.checks.gpu_here import refuse_unusable_gpu
from orchestrator.config.earlier_decisions import sentence
from orchestrator.config.load import ResolvedPhase, complete
from orchestrator.console import progress_bar, say
from orchestrator.decisions import decision
from orchestrator.execution.caps import Budget
from orchestrator.execution.executor import refuse_unusable_cluster
from orchestrator.execution.joining import as_planned, joining_of
from orchestrator.execution.racing import end_race, is_needed, refuse_race, take_looks
from orchestrator.execution.remote_run import driving, in_turn, pull_again
from orchestrator.execution.run_missing import Shortcuts, run_missing, say_leaving
from orchestrator.execution.searching import Heard, further_rounds, propose
from orchestrator.execution.shard_outcome import ShardOutcome
from orchestrator.execution.workplace import HERE
from orchestrator.plan import record
from orchestrator.plan.changed import changed_since
from orchestrator.plan.data_sets import DataSets
from orchestrator.plan.held_out import held_out_line
from orchestrator.plan.plan import Options, StudyPlan, plan_study
from orchestrator.plan.sharding import in_shard
from orchestrator.store.decision_file import in_force
from orchestrator.store.folder import State, Store, trial_state
from orchestrator.store.price_record import PriceRecord
from orchestrator.store.race_file import EliminationRecord
from orchestrator.store.records import StudyRecord
from orchestrator.store.remote.shared_names import FINISHED
from orchestrator.store.starting import OnStep, announced
from orchestrator.wording.changed_text import changed_sentences
from orchestrator.wording.race_text import race_sentences
from orchestrator.wording.sweep_text import sweep_sentences
from orchestrator.wording.uneven_parts import uneven_sentences
from trainables.errors import InputError


def run_study(
    question: ResolvedPhase, options: Options, *, console: Console, budget: Budget | None = None
) -> Tables:
    """Run what is missing of a phase, within a budget, and leave tables, decision, tracking and report.

    Raises:
        InputError: something that the user has to mend; nothing was started.
    """
    store = Store.open(options.results)
    with driving(store, question.phase.name, options.shard, console=console):
        _run(question, store, options, console, budget or Budget())
        return finish(store, question.phase.name, console=console, quiet=options.quiet, decides=True)


def run_shard(
    question: ResolvedPhase, options: Options, *, console: Console, budget: Budget | None = None
) -> Tables | ShardOutcome:
    """Run what is missing of one part of a phase's trials; where that was the last, collect and decide.

    Raises:
        InputError: something that the user has to mend; nothing was started.
    """
    store, shard = Store.open(options.results), options.shard
    assert shard is not None, "a whole phase is run by run_study"
    if question.phase.searches:
        raise InputError(
            f"{question.phase.name} searches: what it proposes hangs on all trials before; leave out --shard"
        )
    with driving(store, question.phase.name, shard, console=console):
        _run(question, store, options, console, budget or Budget())
        with in_turn(store, f"finishing-{question.phase.name}", *FINISHED, console=console):
            return _finish_shard(question, store, options, console)


def _finish_shard(
    question: ResolvedPhase, store: Store, options: Options, console: Console
) -> Tables | ShardOutcome:
    """Collect and decide if all trials of the phase are done; else say how far this shard is."""
    assert options.shard is not None
    pull_again(store)
    data = DataSets(store, override=options.data)
    whole = plan_question(question, replace(options, shard=None), data)
    if not whole.missing():
        shortcuts = data_gate.check_study(whole, replace(options, quiet=True), console=console)
        record.write_study(whole, shortcuts=shortcuts)
        return finish(store, whole.phase.name, console=console, quiet=options.quiet, decides=True)
    experiments = [each.experiment for each in whole.experiments]
    mine = [each for each in in_shard(whole.trials, experiments, options.shard, store) if each.selected]
    left = tuple(f"{trial.name}: {trial.why}" for trial in mine if trial.state != State.DONE)
    return ShardOutcome(options.shard, len(mine), left, len(whole.missing()) - len(left))


def _run(question: ResolvedPhase, store: Store, options: Options, console: Console, budget: Budget) -> None:
    """Run what is missing, in rounds where a search proposes them."""
    options = as_planned(options, store.known_study(question.phase.name))
    if options.address in HERE:
        refuse_unusable_gpu(options.device, store)
    else:
        _look_at_cluster(question, store, options)
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
            take_looks(study, say_leaving(study, options, console))
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


def _look_at_cluster(question: ResolvedPhase, store: Store, options: Options) -> None:
    """Look at a cluster before any image is read, unless all that is known of the phase is there already.

    Raises:
        InputError: there is none, or it has GPUs that should train and can't.
    """
    known = store.known_study(question.phase.name)
    if known is not None and all(
        trial.folder and trial_state(store.trial(trial.folder)) == State.DONE for _, trial in known.trials()
    ):
        return
    refuse_unusable_cluster(
        options.address,
        logs=store.logs,
        joining=joining_of(options, known, lambda sentence: None, results=store.root),
    )


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
        refuse_small_disk(study)
        run_missing(study, data, options, console, shortcuts, on_step, budget)
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
        _tell_tracking(store, study, console, mends=sync)
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
        reasons = [reason.removeprefix("no decision yet: ") for reason in error.lines]
        line(f"No decision yet: {'; '.join(reasons)}")
        return
    for moved in moved_lines(phase, found.moved, found.now):
        line(f"Warning: {moved}", "yellow")
    if not quiet:
        # What is chosen and why; `decide` and the report say the rest.
        for said in outcome_sentences(found.record):
            line(said)
        line(f"Decision: {found.path} (version {found.record.version})")


def _tell_tracking(store: Store, study: StudyRecord, console: Console, *, mends: bool) -> None:
    """Bring MLflow up to date, and say what was mended on the way, or why it misses something."""
    try:
        for note in tracking.sync(store, study, mends=mends):
            say(f"Note: {note}", console=console, style="yellow")
    except tracking.TrackingError as error:
        say(f"Warning: {error.sentence(study.phase.name)}", console=console, style="yellow")


def _say_back(gone: Sequence[EliminationRecord], console: Console, *, quiet: bool) -> None:
    """Say who left an earlier race and runs again."""
    for each in () if quiet else gone:
        where = place_name(each.place)
        say(f"{each.experiment} left a race after {where}: its missing folds are run now", console=console)


def _record_if_new(study: StudyPlan, shortcuts: Shortcuts, price: PriceRecord | None) -> None:
    """Rewrite the plan's record only when it plans something else, so that a second run changes no file."""
    known = study.store.known_study(study.phase.name)
    planned = record.study_record(study, shortcuts=shortcuts, price=price)
    if known is None or not known.asks_the_same(planned) or known.price != planned.price:
        study.store.write_study(planned)
