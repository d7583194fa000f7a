"""Experiments with scores by fold, made in memory: no file is read, no prediction is scored."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.trial_scores import ALL, TrialScores
from orchestrator.store.records import ExperimentRecord, RecipeRecord

# Folds of a fifth of the images each: n_test / n_train is 0.25.
N_TEST, N_TRAIN = 200, 800
Folds = Sequence[float]


def gathered(
    name: str,
    aucs: Folds | Mapping[str, Folds],
    *,
    rows: str = "rows",
    asked: int | None = None,
    losses: Mapping[str, Folds] | None = None,
    groups: int = 1000,
    **recipe: Any,
) -> Gathered:
    """Make an experiment of one AUC per fold, of all images or by source.

    Args:
        name: its name.
        aucs: AUC by fold; by source where it is a mapping, whose mean over sources is that of all images.
        rows: names the test rows: experiments of other rows can't be paired.
        asked: how many folds the protocol asks for; as many as there are where it is not given.
        losses: further measures by fold: train_val_gap, train_loss, best_epoch, epochs.
        groups: of each source and class in every test fold.
        **recipe: keys of the experiment.
    """
    by_source = dict(aucs) if isinstance(aucs, Mapping) else {}
    whole = list(map(mean, zip(*by_source.values(), strict=True))) if by_source else list(aucs)  # type: ignore[arg-type]
    measured = dict(losses or {})
    number = asked or len(whole)
    protocol = {"cv_folds": number} if number > 1 else {"protocol": "holdout"}
    keys = RecipeRecord.model_validate_json(json.dumps({"precision": "float32", **protocol, **recipe}))
    found = Gathered(ExperimentRecord(name=name, recipe=keys, fold_files=("f.csv",), trials=()))
    for fold in range(len(whole)):
        place = (0, fold)
        found.trials[place] = trial(
            {source: values[fold] for source, values in {ALL: whole, **by_source}.items()},
            {measure: values[fold] for measure, values in measured.items()},
            rows=f"{rows}{fold}",
            groups=groups,
        )
        for split, source, metric, value in found.trials[place].scores:
            if split == "test" or metric == "train_val_gap":
                found.values.setdefault((source, metric), {})[place] = value
    return found


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def trial(aucs: Mapping[str, float], measured: Mapping[str, float], *, rows: str, groups: int) -> TrialScores:
    scores: list[list[Any]] = [["test", source, "auc", value] for source, value in aucs.items()]
    for split, measure in (("val", "train_val_gap"), ("train", "train_loss")):
        if measure in measured:
            scores.append([split, ALL, measure, measured[measure]])
    epochs = {name: int(measured[name]) if name in measured else None for name in ("best_epoch", "epochs")}
    return TrialScores(
        scores=scores, missing=[], confusion=[], num_classes=2, n_test=N_TEST, n_train=N_TRAIN, n_val=80,
        seconds=1.0, training_seconds=1.0, threads=1, device="cpu", parameters=1, flops_per_image=1,
        rows=rows, val_rows="", no_deciding="", num_groups=dict.fromkeys(aucs, groups), sha256="",
        best_epoch=epochs["best_epoch"], epochs=epochs["epochs"],
    )  # fmt: skip


def by_name(*experiments: Gathered) -> dict[str, Gathered]:
    return {each.name: each for each in experiments}
