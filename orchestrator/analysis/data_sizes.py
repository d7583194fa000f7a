"""Series of experiments that agree in everything but `subsample`: one model on several amounts of data."""

import json

from orchestrator.store.records import ExperimentRecord, StudyRecord


def size_series(study: StudyRecord) -> tuple[tuple[str, ...], ...]:
    """Return the names of each series of two or more sizes, the smallest share first.

    Of two experiments with the same share, which are the same trials, the first one is taken.
    """
    found: dict[str, dict[float, str]] = {}
    for each in study.experiments:
        found.setdefault(_other_settings(each), {}).setdefault(each.recipe.subsample, each.name)
    return tuple(
        tuple(name for _, name in sorted(names.items())) for names in found.values() if len(names) > 1
    )


def series_name(names: tuple[str, ...]) -> str:
    """Name a model by the words that its experiments begin with: p4a_resnet50 of p4a_resnet50_20pct ...

    The experiment with the most data names it where they share none.
    """
    shared = []
    for words in zip(*(name.split("_") for name in names), strict=False):
        if len(set(words)) > 1:
            break
        shared.append(words[0])
    return "_".join(shared) or names[-1]


def _other_settings(each: ExperimentRecord) -> str:
    recipe = each.recipe.model_dump(mode="json", exclude={"subsample"})
    return json.dumps([recipe, each.data, each.num_classes, each.threshold_by], sort_keys=True)
