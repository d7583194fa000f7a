"""`decide` and `compare`: what follows from finished trials, from results/ alone."""

import json
from typing import Annotated

import typer

from orchestrator.commands.completion import experiment_completions
from orchestrator.commands.exit_codes import EXIT_FAILED
from orchestrator.commands.options import RESULTS, DebugOption, JsonOption, PhaseArgument, ResultsOption
from orchestrator.console import say, warn
from trainables.evaluation.metrics import ROPE


def decide_command(
    phase: PhaseArgument,
    again: Annotated[
        bool, typer.Option("--again", help="Where something has moved, write a new version; the old is kept.")
    ] = False,
    results: ResultsOption = RESULTS,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Take a phase's decision by the rule in its file, on validation scores, and freeze it.

    Taken once, it stays as it is: where results have changed since, that is said. Exits with 2 when a
    candidate is not finished.

    Example: python -m orchestrator decide phase1
    """
    from orchestrator.decisions.decision import decide
    from orchestrator.store.folder import Store
    from orchestrator.wording.decision_text import decision_sentences, moved_lines

    found = decide(Store.reopen(results), phase, again=again)
    if as_json:
        print(
            json.dumps(
                {
                    "decision": found.record.plain(),
                    "file": str(found.path),
                    "is_new": found.is_new,
                    "moved": list(found.moved),
                    "now": found.now,
                },
                indent=1,
            )
        )
    else:
        for line in decision_sentences(found.record):
            say(line)
        state = "written" if found.is_new else "as it was taken before"
        say(f"Decision: {found.path} (version {found.record.version}, {state})")
    for line in () if found.is_new else moved_lines(phase, found.moved, found.now):
        warn(line)


def compare_command(
    baseline: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="A finished experiment, or PHASE/NAME.",
            autocompletion=experiment_completions,
        ),
    ],
    other: Annotated[
        str,
        typer.Argument(
            metavar="B",
            help="The one that is measured against it.",
            autocompletion=experiment_completions,
        ),
    ],
    metric: Annotated[str, typer.Option("--metric", help="auc, accuracy, f1, log_loss ...")] = "auc",
    rope: Annotated[
        float, typer.Option("--rope", min=0.0, max=1.0, help="Differences up to this are practically none.")
    ] = ROPE,
    delong: Annotated[
        bool, typer.Option("--delong", help="Add DeLong's test of the AUC, over the test rows of each fold.")
    ] = False,
    results: ResultsOption = RESULTS,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Compare two finished experiments, fold by fold, whatever phase they ran in.

    Exits with 1 where they can't be compared yet (a fold is missing, or the folds are not the same).

    Example: python -m orchestrator compare p1_simplecnn_baseline p1_resnet18_baseline --metric auc
    """
    from orchestrator.analysis.compare_two import compare_experiments
    from orchestrator.store.existing_results import existing_results
    from orchestrator.wording.compare_text import comparison_lines

    store = existing_results(results)
    found = compare_experiments(store, baseline, other, metric=metric, rope=rope, delong=delong)
    lines = comparison_lines(found)
    if as_json:
        print(json.dumps({**found, "sentences": lines}, indent=1))
    else:
        for line in lines:
            say(line)
    if found["verdict"] == "incomplete":
        raise typer.Exit(EXIT_FAILED)
