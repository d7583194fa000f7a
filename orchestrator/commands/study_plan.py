"""The plan of a whole study: every phase as far as it can be planned, with what it costs."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.commands.plan_tables import estimate_json, price_json, show_phases
from orchestrator.commands.run_options import RunOptions
from orchestrator.console import progress_bar, screen

if TYPE_CHECKING:
    from orchestrator.execution.caps import Budget
    from orchestrator.plan.estimates import PhaseEstimate
    from orchestrator.plan.plan import StudyPlan


def show_study_plan(phases: Sequence[str], options: RunOptions, budget: "Budget") -> None:
    """Print what each of some phases, in running order, still costs, and all of them; start nothing.

    Of a cap it is said whether all of it fits.
    """
    from orchestrator.wording.price_text import cap_sentence

    price = budget.price
    estimates = plan_phases(phases, options)
    budget.units = max((each.units for each in estimates), default=1)
    if options.as_json:
        content = {
            "price": price_json(price),
            "phases": [estimate_json(each, price) for each in estimates],
            "hours": round(sum(each.clock_s for each in estimates) / 3600, 5),
        }
        print(json.dumps(content, indent=1))
    else:
        clock_s = sum(each.clock_s for each in estimates)
        notes = [] if budget.limit_s is None else [cap_sentence(clock_s, budget.limit_s)]
        notes += ["With --race it takes at most this"] if options.race else []
        show_phases(estimates, price, console=screen(), more=notes)


def plan_phases(phases: Sequence[str], options: RunOptions) -> "list[PhaseEstimate]":
    """Plan phases in running order; one that waits for a decision is planned with what is known.

    The settings that it waits for are those of the experiment files. Where it makes experiments from selected
    models, these are the costliest candidates: it costs no more than this.

    Raises:
        InputError: something that the user has to mend.
    """
    from orchestrator.execution.run import plan_question
    from orchestrator.plan.data_sets import DataSets
    from orchestrator.plan.estimates import Estimator
    from orchestrator.plan.resources import this_machine
    from orchestrator.store.decision_file import in_force
    from orchestrator.store.folder import Store
    from trainables.device import device_type

    store = Store.look(options.results)
    plan_options = replace(options.plan_options(), quiet=options.quiet or options.as_json)
    device = plan_options.device or device_type()
    estimator = Estimator(store, this_machine(device), device, most=options.max_concurrent)
    expected: dict[str, tuple[str, ...]] = {}
    estimates = []
    console = screen(stderr=options.as_json)
    with progress_bar(console, "Reading images", quiet=plan_options.quiet) as progress:
        data = DataSets(store, override=options.data, progress=progress)
        for name in phases:
            question = options.question([name], expected=expected)
            study = plan_question(question, plan_options, data)
            estimates.append(estimator.phase(study, assumes=_assumptions(study, expected)))
            if in_force(store, name) is None:
                expected[name] = _costliest(study, estimates[-1])
    return estimates


def _costliest(study: "StudyPlan", estimate: "PhaseEstimate") -> tuple[str, ...]:
    """The candidates that a decision may select, the slowest of them; none where it selects none."""
    rule = study.phase.decision
    if rule is None or rule.top < 2:
        return ()
    speeds = {each.experiment: each.images_per_s for each in estimate.experiments}
    return tuple(
        sorted((name for name in rule.among if name in speeds), key=lambda name: speeds[name])[: rule.top]
    )


def _assumptions(study: "StudyPlan", expected: dict[str, tuple[str, ...]]) -> list[str]:
    """Say what a phase takes for decided that is not."""
    said = []
    for taken in study.handed_over:
        if taken.phase not in expected or not taken.is_assumed:
            continue
        values = ", ".join(f"{key} {value}" for key, value in taken.values.items())
        files = f"settings as the files have them{f' ({values})' if values else ''}"
        slowest = f"that {taken.phase} selects its slowest models ({', '.join(taken.selected)}), and "
        said.append(f"assumes {slowest if taken.selected else ''}{files}, until {taken.phase} has decided")
    return said
