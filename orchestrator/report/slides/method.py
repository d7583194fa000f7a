"""Slides on how it was done: splits and their sizes, metrics and why, models and their training."""

from collections.abc import Iterator

from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.slides.deck_material import DeckMaterial
from orchestrator.report.slides.slide import Slide, points_of
from orchestrator.store.records import RecipeRecord, StudyRecord
from orchestrator.wording.lists import few_named
from orchestrator.wording.numbers import DASH, integer, operations
from orchestrator.wording.study_text import metric_sentences, protocol_sentences, training_sentence

MOST_PHASES, MOST_MODELS, MOST_SENTENCES = 5, 9, 10
PARTS = ("train", "val", "test")


def method_slides(material: DeckMaterial) -> Iterator[Slide]:
    """Yield the slides on protocol and metrics, and on models."""
    parts = fold_parts_grid(material.studies)
    several = any(each.has_several_classes for each in material.phases)
    headlines = [each.tables.headline for each in material.phases]
    metrics = metric_sentences(headlines, several_classes=several)
    yield Slide(
        "protocol",
        "Protocol and metrics: which images teach, decide and test",
        points_of([*protocol_sentences(material.recipes), *metrics], MOST_SENTENCES),
        grid=parts,
        note="Images of a fold, least to most over the folds and experiments of a phase." if parts else "",
    )
    table = models_grid(material)
    cut = len(table.rows) - MOST_MODELS
    yield Slide(
        "models",
        "Models and their training",
        points_of([training_sentence(material.recipes), *_preprocessing(material)]),
        grid=Grid(table.label, table.columns, table.rows[:MOST_MODELS], table.num_text),
        note=(
            f"{cut} more models are in the sections Cost and Runs of the phases’ pages. " if cut > 0 else ""
        )
        + "Operations: of a forward pass of one image, at the largest size.",
    )


def fold_parts_grid(studies: list[StudyRecord]) -> Grid | None:
    """Typeset how many images each part of a fold has, one row per phase; None where nobody wrote it down."""
    rows: list[list[GridCell | str]] = []
    for study in studies[:MOST_PHASES]:
        sizes = [trial.sizes for _, trial in study.trials() if trial.sizes]
        if sizes:
            cells = [_range([each[part] for each in sizes if part in each]) for part in PARTS]
            count = sum(1 for _ in study.trials())
            rows.append([study.phase.title, integer(len(study.experiments)), integer(count), *cells])
    heads = ["Phase", "Experiments", "Trials", "Training", "Inner validation", "Test"]
    return grid("Images of a fold", heads, rows) if rows else None


def _range(values: list[int]) -> str:
    if not values:
        return DASH
    low, high = min(values), max(values)
    return integer(low) if low == high else f"{integer(low)} to {integer(high)}"


def models_grid(material: DeckMaterial) -> Grid:
    """Typeset every network: where its weights start, its sizes of images, what it takes."""
    known: dict[tuple[str, str], list[str]] = {}
    for name, each in material.experiments.items():
        known.setdefault((_model(each.recipe), _start(each.recipe)), []).append(name)
    rows = {row.experiment: row for phase in material.phases for row in phase.tables.overview_rows}
    lines: list[list[GridCell | str]] = []
    for (model, start), names in known.items():
        recipes = [material.experiments[name].recipe for name in names]
        sizes = sorted({each.image_size for each in recipes})
        told = [rows[name] for name in names if name in rows]
        parameters = [row.parameters for row in told if row.parameters is not None]
        flops = [row.flops for row in told if row.flops is not None]
        lines.append(
            [
                model,
                start,
                few_named([str(size) for size in sizes], 3),
                integer(max(parameters)) if parameters else DASH,
                operations(max(flops)) if flops else DASH,
                integer(len(names)),
            ]
        )
    heads = ["Model", "Weights start from", "Image size, px", "Parameters", "Operations", "Experiments"]
    return grid("Models", heads, lines, 3)


def _model(recipe: RecipeRecord) -> str:
    return f"{recipe.backbone} ({recipe.cnn_preset})" if recipe.backbone == "simple_cnn" else recipe.backbone


def _start(recipe: RecipeRecord) -> str:
    if isinstance(recipe.pretrained, str):
        return recipe.pretrained
    return "pretrained weights" if recipe.pretrained else "scratch"


def _preprocessing(material: DeckMaterial) -> Iterator[str]:
    """Say which treatments of images the experiments vary."""
    recipes = material.recipes
    varied: dict[str, set[object]] = {
        "face crop": {each.face_crop for each in recipes},
        "augmentation": {each.augment is not False for each in recipes},
        "normalisation": {each.normalization for each in recipes},
        "image size": {each.image_size for each in recipes},
        "share of the training images": {each.subsample for each in recipes},
    }
    names = [name for name, values in varied.items() if len(values) > 1]
    if names:
        yield f"Varied between experiments: {few_named(names, len(names))}."
