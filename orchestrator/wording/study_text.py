"""Sentences about a study as a whole: its task, its protocol, its metrics and its training.

They say what was done, from the records of the phases; what came of it is said by the modules on answers,
decisions and caveats.
"""

from collections.abc import Sequence

from orchestrator.store.records import DataRecord, RecipeRecord, StudyRecord
from orchestrator.wording.lists import few_named
from orchestrator.wording.numbers import decided_value_text, metric_name
from trainables.evaluation.metrics import ROPE

FAKE = 1


def task_sentences(data: DataRecord) -> list[str]:
    """Say what a model has to tell apart, and which images it learns that from."""
    if len(data.classes) > 2:
        return [
            f"A model gets one image and says which of {len(data.classes)} classes it belongs to, each with "
            f"a probability: {few_named(data.classes)}. It learns that from labelled images (a "
            "discriminative model)."
        ]
    real, fake = (
        sorted({each.source for each in data.counts if (each.label == FAKE) == is_fake})
        for is_fake in (False, True)
    )
    return [
        "A detector gets one image of a face and says how probable it is that a generator made or altered "
        "it: P(fake), from 0 to 1. It learns that from labelled images (a discriminative model).",
        f"Real images come from {few_named(real)}, fakes from {few_named(fake)}.",
    ]


def missing_sentence(missing: Sequence[str]) -> str:
    """Name the phases that these results lack; empty where none is."""
    if not missing:
        return ""
    verb = "is" if len(missing) == 1 else "are"
    return f"Not in these results: {few_named(missing)}, which {verb} therefore not reported on."


def resuming_sentence(phase: str) -> str:
    """Say how the trials of a phase that are not finished are run."""
    return f"Trials of {phase} are not finished: python -m orchestrator {phase} runs what is missing."


def protocol_sentences(recipes: Sequence[RecipeRecord]) -> list[str]:
    """Say how images were split, which part decides what, and what keeps the parts apart."""
    said = [_split(recipes, protocol) for protocol in sorted({each.protocol for each in recipes})]
    ratios = few_named([f"{100 * each:g} %" for each in sorted({each.val_ratio for each in recipes})])
    held = sorted({each.holdout_final for each in recipes if each.holdout_final})
    return [
        *said,
        f"Inner validation: {ratios} of the training part of each fold, by group. Early stopping, "
        "thresholds, calibration and every decision read it alone; the test fold is scored once, after "
        "training, with the weights that were best on it.",
        "Compared experiments share their folds, so that differences are taken fold by fold. Evaluation "
        "never augments, and a share of the data cuts the training part, never the test fold.",
        *(
            f"Held out for the end: {100 * each:g} % of the images are in no fold, and are opened once."
            for each in held
        ),
    ]


def _split(recipes: Sequence[RecipeRecord], protocol: str) -> str:
    mine = [each for each in recipes if each.protocol == protocol]
    groups = few_named([each for each in dict.fromkeys(each.group_by for each in mine) if each != "auto"])
    whole = f"groups ({groups}) whole" if groups else "groups whole"
    if protocol == "official":
        return (
            "Splits: the data’s own parts for training, validation and test, a single split without a spread."
        )
    if protocol == "holdout":
        shares = few_named([f"{100 * each:g} %" for each in sorted({each.test_ratio for each in mine})])
        return f"Splits: a single one with {shares} of the images for testing, {whole}."
    folds = few_named([str(each) for each in sorted({each.cv_folds for each in mine})])
    repeats = sorted({each.cv_repeats for each in mine})
    more = f", repeated {few_named([str(each) for each in repeats])} times" if repeats != [1] else ""
    return (
        f"Splits: cross-validation with {folds} outer folds{more}, stratified by class and, as far as "
        f"possible, by source, {whole}. Every image is in exactly one test fold of a repeat."
    )


def metric_sentences(headlines: Sequence[str], *, several_classes: bool) -> list[str]:
    """Say which metrics were chosen and why, and how intervals and tests are made.

    Args:
        headlines: the metric by which each phase is looked at.
        several_classes: whether there are more classes than real and fake.
    """
    first = " and ".join(metric_name(each) for each in dict.fromkeys(headlines))
    auc = (
        "AUC is the chance that a fake scores above a real image: it needs no threshold, and does not depend "
        "on how many of the images are fake."
    )
    hard = (
        "Accuracy, precision, recall and F1 are those of a yes or no from P(fake) = 0.5 on; EER is the "
        "error where false alarms equal misses; ECE and Brier score tell whether P(fake) can be read as a "
        "probability."
    )
    if several_classes:
        auc = "AUC is one class against the rest, averaged: it needs no threshold."
        hard = "Accuracy is the share of images whose class is found; precision, recall and F1 are averaged."
    return [
        f"Metrics: {first} first. {auc}",
        hard,
        "Every number is a mean over test folds ± standard deviation. Its 95 % interval corrects the "
        "variance for the training images that folds have in common (Nadeau and Bengio 2003).",
        "Comparisons: corrected resampled t-test on paired folds, Holm-corrected over all that a phase "
        "declares; and the Bayesian correlated t-test, for which differences up to "
        f"±{ROPE:g} are practically none unless a phase says otherwise (Benavoli et al. 2017).",
    ]


def training_sentence(recipes: Sequence[RecipeRecord]) -> str:
    """Say how models were trained: what all have in common, and in what they differ."""
    named: dict[str, list[str]] = {
        "epochs at most": [str(each.epochs) for each in recipes],
        "early-stopping patience": [decided_value_text(each.early_stopping_patience) for each in recipes],
        "batch size": [str(each.batch_size) for each in recipes],
        "optimizer": [each.optimizer.type for each in recipes],
        "learning rate": [f"{each.optimizer.lr:g}" for each in recipes],
        "weight decay": [f"{each.optimizer.weight_decay:g}" for each in recipes],
        "schedule": [each.scheduler.type for each in recipes],
        "loss": [each.loss.type for each in recipes],
        "best epoch by": [
            metric_name(each.select_by) if isinstance(each.select_by, str) else "weighted metrics"
            for each in recipes
        ],
    }
    same = [f"{name} {values[0]}" for name, values in named.items() if len(set(values)) == 1]
    other = [name for name, values in named.items() if len(set(values)) > 1]
    differing = f" Differing between experiments: {few_named(other, len(other))}." if other else ""
    return f"Training: {', '.join(same)}.{differing}"


def preset_sentences(studies: Sequence[StudyRecord]) -> list[str]:
    """Say which phases ran under a preset, which makes their numbers those of a shorter training."""
    by_preset: dict[str, list[str]] = {}
    for study in studies:
        if study.preset:
            by_preset.setdefault(study.preset, []).append(study.phase.name)
    return [
        f"{few_named(names)} ran with the preset {preset}, which changes settings of experiments: the "
        "numbers are those of that training, not of the experiment files alone."
        for preset, names in by_preset.items()
    ]
