"""Section of provenance and method: commands, versions, hashes, how numbers are made, files beside."""

from collections.abc import Sequence

from orchestrator.analysis.trial_facts import TrialFacts
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.material import Material
from orchestrator.report.section import (
    Block,
    Definitions,
    Details,
    Heading,
    Items,
    Section,
    Span,
    Table,
    Text,
    link,
    note,
    prose,
)
from orchestrator.report.sections.data import fold_files
from orchestrator.store.records import StudyRecord
from orchestrator.store.run_record import Environment
from orchestrator.wording.bits_text import stamps_sentence
from orchestrator.wording.numbers import DASH
from trainables.bits_verdict import Stamp

MOST_COMMANDS = 10


def provenance_section(material: Material, *, inputs: str, files: Sequence[str]) -> Section:
    """Say by what the page was made.

    Args:
        material: what the page is made of.
        inputs: the hash of all that.
        files: the files beside the page.
    """
    commands = ran_commands(material.study, material.trials)
    blocks: list[Block | None] = [
        Heading("Commands"),
        *([] if commands else [places_note(f"report {material.study.phase.name}")]),
        *(prose(Span(command, "code"), tone="command") for command in commands[:MOST_COMMANDS]),
    ]
    if len(commands) > MOST_COMMANDS:
        most = f"The first {MOST_COMMANDS} of {len(commands)} commands that ran trials of this phase."
        blocks.append(note(most))
    blocks += [
        Heading("Versions"),
        Table(environment_grid(material.study, material.trials), style="settings"),
        note(said) if (said := stamps_sentence(_stamps(material.trials))) else None,
        Heading("Hashes"),
        Definitions(tuple(_hashes(material, inputs))),
        *_method(),
        Heading("Files beside this page"),
        Details(
            (f"{len(files)} files: tables as CSV, Markdown and LaTeX, figures as SVG and PNG",),
            (Items(tuple((link(file),) for file in files), "files"),),
        ),
    ]
    return Section.of("provenance", "Provenance and method", blocks, name="Provenance")


def ran_commands(study: StudyRecord, trials: Sequence[TrialFacts]) -> list[str]:
    """Return the commands that planned this phase and that ran its trials, each once; none without places."""
    ran = [each.command for each in trials if each.command is not None]
    return list(dict.fromkeys(filter(None, [study.command, *ran])))


def places_note(command: str) -> Block:
    """Say where that is which a page leaves out, and which command shows it there."""
    shown = Span(f"python -m orchestrator {command} --with-paths", "code")
    where = "Hosts, command lines and paths are in the records of the results; "
    return note(where, shown, " shows them.")


def environment_grid(study: StudyRecord, trials: Sequence[TrialFacts]) -> Grid:
    """Typeset versions and surroundings of the process that planned, and of the trials: they may be older."""
    planned = _surroundings(study.environment)
    ran: dict[str, list[str]] = {}
    for trial in trials:
        for name, value in _surroundings(trial.environment).items() if trial.environment else ():
            if value not in ran.setdefault(name, []):
                ran[name].append(value)
    rows: list[list[GridCell | str]] = []
    for name, value in planned.items():
        found = ran.get(name, [])
        tone = "differs" if found and found != [value] else ""
        rows.append([GridCell(each, tone=tone) for each in (name, value, ", ".join(found) or DASH)])
    return grid("Environment", ["", "Planned with", "Trials ran with"], rows, 3)


def _stamps(trials: Sequence[TrialFacts]) -> list[Stamp | None]:
    return [each.environment.bits for each in trials if each.environment is not None]


def _surroundings(record: Environment) -> dict[str, str]:
    state = {True: "with uncommitted changes", False: "clean", None: DASH}[record.git_dirty]
    return {
        **record.versions,
        "git commit": record.git_commit or "unknown",
        "working tree": state,
        "host": record.host or DASH,
        "platform": record.platform or DASH,
    }


def _hashes(material: Material, inputs: str) -> list[tuple[Text, Text]]:
    found: list[tuple[Text, Text]] = [(("Inputs of this page (SHA-256)",), (Span(inputs, "code"),))]
    for file in fold_files(material.study):
        found.append((("Fold file, named by its content",), (Span(file, "code"),)))
    if (decision := material.decision) is not None:
        rests = f"resting on {len(decision.trials)} trials by key and predictions"
        found.append((("Decision",), (f"version {decision.version}, {rests}",)))
    return found


def _method() -> tuple[Block, ...]:
    test, train = Span("test", "sub"), Span("train", "sub")
    return (
        Heading("How the statistics are made"),
        prose(
            "Every score is computed on one outer test fold, which training, early stopping and model "
            "selection never see; the headline is the mean of these scores, not the score of pooled "
            "predictions. Training sets of different folds share most of their images, so fold scores are "
            "not independent: intervals and tests replace the variance factor 1/n by 1/n + n",
            test,
            "/n",
            train,
            ", where n is the number of folds and n",
            train,
            " counts the whole outer training part, and use Student’s t with the degrees of freedom of one "
            "repeat, its folds less one, since repeats deal the same images. Intervals of rates are taken on "
            "the scale of their log odds. Two experiments are compared on the same folds, fold by fold; "
            "however equal their differences are, the standard error is not taken for less than what other "
            "test images would change (paired bootstrap over groups). A decision is taken on inner "
            "validation scores. These images are test images of other folds, so the test score of a winner "
            "is selected, too; two estimates beside the decision say how much choosing adds.",
        ),
        note(
            "C. Nadeau and Y. Bengio, “Inference for the generalization error”, ",
            Span("Machine Learning", "work"),
            " 52, 239–281, 2003. Probabilities of better, equal and worse: A. Benavoli, G. Corani, J. Demšar "
            "and M. Zaffalon, “Time for a change: a tutorial for comparing multiple classifiers through "
            "Bayesian analysis”, ",
            Span("JMLR", "work"),
            " 18, 2017. Correction for several comparisons: S. Holm, ",
            Span("Scandinavian Journal of Statistics", "work"),
            " 6, 65–70, 1979. Mean ROC curves: T. Fawcett, “An introduction to ROC analysis”, ",
            Span("Pattern Recognition Letters", "work"),
            " 27, 861–874, 2006. The score of a winner: S. Varma and R. Simon, “Bias in error estimation "
            "when using cross-validation for model selection”, ",
            Span("BMC Bioinformatics", "work"),
            " 7:91, 2006, and I. Tsamardinos, E. Greasidou and G. Borboudakis, “Bootstrapping the "
            "out-of-sample predictions for efficient and accurate cross-validation”, ",
            Span("Machine Learning", "work"),
            " 107, 1895–1922, 2018. Calibration: C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, “On "
            "calibration of modern neural networks”, ",
            Span("ICML", "work"),
            " 2017.",
        ),
    )
