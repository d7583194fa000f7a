"""Trials of a study run within the budget of their command, and what is said of it before and after."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from orchestrator.console import say
from orchestrator.execution.caps import Budget, CapReferee
from orchestrator.execution.executor import Executor
from orchestrator.execution.referee import Referee
from orchestrator.execution.trial_runs import run_trials
from orchestrator.execution.workplace import IN_PROCESS
from orchestrator.plan.estimates import RAY_S, Estimator
from orchestrator.plan.plan import Options, StudyPlan
from orchestrator.wording.price_text import cut_sentence, fitting_sentence, spent_text


def run_within(
    study: StudyPlan,
    files: Mapping[str, Sequence[Path]],
    executor: Executor,
    options: Options,
    console: Console,
    budget: Budget,
    *,
    referees: Sequence[Referee] = (),
) -> None:
    """Run what is missing as far as the budget and the referees go; note in the budget what it left."""
    budget.units = executor.machine.units

    def spent() -> str:
        return spent_text(budget.elapsed_s, budget.price, units=budget.units)

    if budget.limit_s is None:
        run_trials(study, files, executor, options, console, referees, spent=spent)
        return
    estimator = Estimator(
        study.store,
        executor.machine,
        executor.device,
        most=options.max_concurrent,
        is_ray=options.address != IN_PROCESS,
    )
    referee = CapReferee(budget, budget.limit_s, study, estimator.phase(study), keeps_order=bool(referees))
    fit, whole = referee.fit()
    sentence = fitting_sentence(
        fit,
        whole,
        missing=len(study.missing()) + sum(each.missing for each in referee.to_come),
        experiments=len({trial.experiment for trial in study.missing()})
        + sum(each.num_planned - len(each.settings) for each in study.sweeps if referee.to_come),
        left_s=max(0.0, budget.limit_s - budget.elapsed_s),
    )
    if not options.quiet:
        say(sentence, console=console)
    # The budget comes last: what another one leaves out is none of its business.
    run_trials(study, files, executor, options, console, [*referees, referee], spent=spent)
    referee.close()


def cut_sentences(budget: Budget) -> list[str]:
    """Say of each phase that was cut short what is left of it, and how to go on."""
    return [
        cut_sentence(
            cut.phase,
            unfinished=cut.unfinished,
            stopped=cut.stopped,
            planned=cut.planned,
            # A command of its own starts Ray again.
            more_s=cut.seconds + RAY_S,
            price=budget.price,
            units=budget.units,
        )
        for cut in budget.cut
    ]
