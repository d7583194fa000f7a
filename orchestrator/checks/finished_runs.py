"""Verification that a finished run kept training and test apart, from its own predictions.

What the folds should have been is in folds/<hash>.csv and in the data folder; what they were is in each
trial's predictions.parquet. Checked for every experiment and repeat: each image in exactly one outer test
fold and in that of the fold file, no group in two, no validation row (nor its group) among the test rows of
its trial, no image (nor its group) that is held out for the end, and no two versions of one picture where one
could be trained on and the other tested, now or at the end.
"""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from orchestrator.store.csv_files import read_csv
from orchestrator.store.folder import State, Store, claimed_hash, trial_state
from orchestrator.store.held_out_files import read_held_out
from orchestrator.store.predictions import DAMAGE
from orchestrator.store.records import ExperimentRecord
from orchestrator.store.remote.local_copy import place_text
from trainables.data.checks.findings import Finding
from trainables.data.dataset.layouts import UNLABELLED
from trainables.data.dataset.manifest import Manifest
from trainables.errors import InputError
from trainables.files import read_file
from trainables.trial_files import PREDICTIONS

# Where a fold is said: of the images that no fold holds.
HELD_OUT = -2
_COLUMNS = ["path", "group", "source", "label", "split", "fold", "repeat"]


@dataclass(frozen=True, slots=True)
class _Round:
    """One repeat of an experiment: its name for messages, the rows predicted, and what was planned.

    `held_out` are the images that it holds out for the end.
    """

    name: str
    predictions: pd.DataFrame
    planned: pd.DataFrame | None
    eval_sources: Sequence[str] | None
    folds_done: frozenset[int]
    held_out: pd.DataFrame


def verify_runs(
    store: Store, manifest: Manifest, links: pd.DataFrame, *, phase: str | None = None
) -> list[Finding]:
    """Verify the finished trials in `store` that were run on the data folder of `manifest`.

    Args:
        store: the results.
        manifest: the data folder as it is now.
        links: its identical files and near-duplicates (`find_links`).
        phase: only this phase; None for all that have a record.

    Returns:
        What failed, as findings of severity error, and a note of what was verified.

    Raises:
        InputError: no record of the phase, or none of a run on this folder.
    """
    root = place_text(manifest.root)
    findings: list[Finding] = []
    num_rounds = num_trials = 0
    for name in [phase] if phase is not None else store.studies():
        for experiment in store.study(name).experiments:
            if experiment.data != root:
                continue
            rounds, problems = _rounds(store, name, experiment)
            findings += problems
            for each in rounds:
                findings += _verify(each, manifest, links)
                num_rounds += 1
                num_trials += len(each.folds_done)
    if not num_rounds and not findings:
        where = f"of {phase} " if phase is not None else ""
        raise InputError(
            f"{store.root} holds no finished trial {where}on {root}; name the folder that was run, "
            "or another folder of results with --results"
        )
    failed = sum(len(finding.rows) for finding in findings)
    sentence = f"{num_trials} finished trials in {num_rounds} rounds of folds verified from their predictions"
    return [
        *findings,
        Finding("run_verified", "note", f"{sentence}: {failed or 'no'} cases against them"),
    ]


def _rounds(store: Store, phase: str, experiment: ExperimentRecord) -> tuple[list[_Round], list[Finding]]:
    """Read the predictions of an experiment's finished trials, a table for each repeat."""
    tables: dict[int, list[pd.DataFrame]] = {}
    unreadable: list[dict[str, str]] = []
    for trial in experiment.trials:
        folder = store.trial(trial.folder)
        if trial_state(folder) != State.DONE:
            continue
        try:
            table = _read_rows(folder)
        except DAMAGE as error:
            unreadable.append({"trial": folder.name, "reason": " ".join(str(error).split())[:120]})
            continue
        tables.setdefault(trial.repeat, []).append(table.assign(fold=trial.fold))
    name = f"{phase}, {experiment.name}"
    held_out = _held_out(store, experiment)
    rounds = [
        _Round(
            f"{name}, repeat {repeat}",
            pd.concat(parts, ignore_index=True),
            _planned(store, experiment.fold_files or (), repeat),
            experiment.recipe.eval_sources,
            frozenset(int(part["fold"].iloc[0]) for part in parts),
            held_out,
        )
        for repeat, parts in sorted(tables.items())
    ]
    problems = []
    if unreadable:
        sentence = f"{name}: the predictions of {len(unreadable)} finished trials are not what they were"
        way_out = "; delete the trials' folders to run them again"
        problems.append(Finding("run_predictions_changed", "error", sentence + way_out, tuple(unreadable)))
    return rounds, problems


def _read_rows(folder: Path) -> pd.DataFrame:
    """Read the predicted rows of a finished trial, or raise one of DAMAGE; what changed is not parsed."""
    content = read_file(folder / PREDICTIONS)
    recorded = claimed_hash(folder)
    if recorded is not None and recorded != hashlib.sha256(content).hexdigest():
        raise ValueError("changed after the trial was finished")
    table = pd.read_parquet(io.BytesIO(content))[_COLUMNS]
    if table.empty:
        raise ValueError("no rows")
    return table


def _held_out(store: Store, experiment: ExperimentRecord) -> pd.DataFrame:
    """What an experiment holds out: path and group; no rows where it is nothing."""
    name = experiment.held_out_file
    rows = read_held_out(store, name) if name is not None else None
    return pd.DataFrame({"path": [], "group": []}, dtype=str) if rows is None else rows[["path", "group"]]


def _planned(store: Store, fold_files: Sequence[str], repeat: int) -> pd.DataFrame | None:
    """The fold file of a repeat; None when it is not there any more."""
    if repeat >= len(fold_files):
        return None
    try:
        return read_csv(
            store.fold_file(fold_files[repeat]),
            dtype={"path": str, "group": str, "source": str, "label": int, "fold": int},
            keep_default_na=False,
        )
    except (OSError, ValueError):
        return None


def _verify(each: _Round, manifest: Manifest, links: pd.DataFrame) -> list[Finding]:
    predictions = each.predictions
    test = predictions[predictions["split"] == "test"]
    checks = (
        _tested_twice(each, test),
        _not_as_planned(each, test),
        _groups_in_two_folds(each, test),
        _validated_on_test(each, predictions),
        _held_out_used(each, predictions),
        _versions_apart(each, test, links),
        _unknown(each, test, manifest),
    )
    return [finding for finding in checks if finding is not None]


def _failure(name: str, sentence: str, rows: pd.DataFrame) -> Finding | None:
    if rows.empty:
        return None
    cases = tuple({str(key): value for key, value in row.items()} for row in rows.to_dict("records"))
    return Finding(name, "error", sentence, cases)


def _tested_twice(each: _Round, test: pd.DataFrame) -> Finding | None:
    twice = test[test.duplicated("path", keep=False)].sort_values(["path", "fold"])
    sentence = f"{each.name}: {twice['path'].nunique()} images are tested more than once"
    return _failure("run_tested_twice", sentence, twice[["path", "fold"]])


def _not_as_planned(each: _Round, test: pd.DataFrame) -> Finding | None:
    """Compare each finished fold's test rows with the fold file."""
    if each.planned is None:
        return None
    planned = each.planned
    wanted = planned[planned["fold"].isin(each.folds_done) & (planned["label"] != UNLABELLED)]
    if each.eval_sources is not None:
        wanted = wanted[wanted["source"].isin(list(each.eval_sources))]
    both = wanted[["path", "fold"]].merge(
        test[["path", "fold"]].drop_duplicates(), how="outer", indicator="where"
    )
    off = both[both["where"] != "both"]
    reason = off["where"].map({"left_only": "not tested", "right_only": "not in the fold file"})
    off = off[["path", "fold"]].assign(reason=reason.astype(str))
    sentence = f"{each.name}: {len(off)} test rows are not those of the fold file"
    return _failure("run_not_as_planned", sentence, off)


def _groups_in_two_folds(each: _Round, test: pd.DataFrame) -> Finding | None:
    pairs = test[["group", "fold"]].drop_duplicates()
    divided = pairs[pairs.duplicated("group", keep=False)].sort_values(["group", "fold"])
    sentence = f"{each.name}: {divided['group'].nunique()} groups are in two test folds"
    return _failure("run_group_in_two_folds", sentence, divided)


def _validated_on_test(each: _Round, predictions: pd.DataFrame) -> Finding | None:
    """Validation rows whose image or group is among the test rows of the same trial."""
    val = predictions[predictions["split"] == "val"]
    test = predictions[predictions["split"] == "test"]
    keys = [set(zip(test["fold"], test[column], strict=True)) for column in ("path", "group")]
    shared = [
        (fold, path) in keys[0] or (fold, group) in keys[1]
        for fold, path, group in zip(val["fold"], val["path"], val["group"], strict=True)
    ]
    rows = val.loc[shared, ["path", "group", "fold"]]
    sentence = (
        f"{each.name}: {len(rows)} validation rows are, or share a group with, test rows of their trial"
    )
    return _failure("run_validated_on_test", sentence, rows)


def _held_out_used(each: _Round, predictions: pd.DataFrame) -> Finding | None:
    """Rows of a fold whose image or group is held out for the end."""
    used = predictions if each.planned is None else each.planned
    known = [set(each.held_out[column]) for column in ("path", "group")]
    rows = used[used["path"].isin(known[0]) | used["group"].isin(known[1])]
    number = rows["path"].nunique()
    sentence = f"{each.name}: {number} images of its folds are, or share a group with, held-out ones"
    return _failure("run_held_out_used", sentence, rows[["path", "group", "fold"]].drop_duplicates())


def _versions_apart(each: _Round, test: pd.DataFrame, links: pd.DataFrame) -> Finding | None:
    """Links whose ends are in different folds: one was trained on, or could be, when the other was tested."""
    known = each.planned if each.planned is not None else test
    fold_of = known.drop_duplicates("path").set_index("path")["fold"]
    at_the_end = pd.Series(HELD_OUT, index=pd.Index(each.held_out["path"]), dtype=int)
    fold_of = pd.concat([fold_of, at_the_end[~at_the_end.index.isin(fold_of.index)]])
    ends = links.assign(
        first_fold=links["first"].map(fold_of), second_fold=links["second"].map(fold_of)
    ).dropna(subset=["first_fold", "second_fold"])
    apart = ends[ends["first_fold"] != ends["second_fold"]]
    apart = apart.astype({"first_fold": int, "second_fold": int})
    sentence = (
        f"{each.name}: {len(apart)} pairs of versions of one picture are on two sides of the folds; "
        "run again with group_by auto, which joins them"
    )
    return _failure("run_versions_apart", sentence, apart)


def _unknown(each: _Round, test: pd.DataFrame, manifest: Manifest) -> Finding | None:
    lost = test[~test["path"].isin(set(manifest.rows["path"]))]
    if lost.empty:
        return None
    sentence = (
        f"{each.name}: {len(lost)} tested images are not in the data folder now; the run was of other data"
    )
    return Finding("run_of_other_data", "warning", sentence, tuple({"path": p} for p in lost["path"]))
