"""The page about a set of images: a manifest in, one HTML file out that needs nothing else.

It shows and does not judge: counts, sizes, colours, sample sheets, spectra, what is there twice. Pictures are
small JPEG and PNG files inside the page; a set of many sources gets smaller sheets, so that the page stays
below MAX_PAGE_BYTES. Every name on it may come from a stranger's archive and is escaped by the template.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from orchestrator.report.cells import Cell, Grid, grid
from orchestrator.report.drawing.canvas import limits
from orchestrator.report.drawing.picture import Panel
from orchestrator.report.rendering import HERE, environment
from orchestrator.wording import numbers
from orchestrator.wording.numbers import integer
from trainables.data import overview
from trainables.data.dataset.manifest import Manifest
from trainables.data.images.inspection import Progress
from trainables.data.images.path_checks import printable
from trainables.errors import InputError
from trainables.files import replace_file

MAX_PAGE_BYTES = 5 * 2**20
THUMBNAIL_PX = 96
# What pictures may take of the page, in bytes as they are written (base64 is a third longer than the file).
SHEET_BYTES, PAIR_BYTES = 1_800_000, 700_000
MAX_SAMPLES, MAX_PAIRS, MAX_SOURCES, MAX_LINES = 16, 24, 40, 50
FACTS = (
    ("width", "Width", "px"),
    ("height", "Height", "px"),
    ("aspect", "Width : height", ""),
    ("bits_per_pixel", "File size", "bits per pixel"),
)
LOOKS = (("brightness", "Brightness", ""), ("contrast", "Contrast", ""), ("saturation", "Saturation", ""))


@dataclass(frozen=True, slots=True)
class Picture:
    """A small picture inside the page."""

    uri: str
    alt: str
    name: str
    px: int = THUMBNAIL_PX


@dataclass(frozen=True, slots=True)
class Pair:
    """Pictures side by side, and what is the matter with them."""

    pictures: tuple[Picture, ...]
    text: str


@dataclass(slots=True)
class Drawn:
    """Every figure of the page by its place on it."""

    counts: list[Panel] = field(default_factory=list)
    facts: list[Panel] = field(default_factory=list)
    looks: list[Panel] = field(default_factory=list)
    colours: list[Panel] = field(default_factory=list)
    spectra: list[Picture] = field(default_factory=list)
    radial: list[Panel] = field(default_factory=list)


def write_data_report(
    manifest: Manifest,
    out: Path,
    *,
    per_source: int = 200,
    near_duplicates: Sequence[tuple[str, str, float]] = (),
    face_rates: Mapping[str, Mapping[str, int]] | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write the page about `manifest` to `out` and return `out`.

    Args:
        manifest: the scanned images; their files are read for samples, colours and spectra.
        out: the HTML file.
        per_source: how many pictures of each source are read for averages.
        near_duplicates: pairs of paths with their correlation (0 to 1), if they were looked for.
        face_rates: source -> outcome ("one face", ...) -> images, if faces were looked for.
        progress: called with (done, total) pictures.

    Raises:
        InputError: a picture can't be read any more, or `out` can't be written.
    """
    rows = overview.with_ratios(manifest.rows)
    shown = sorted(rows["source"].unique())[:MAX_SOURCES]
    drawn_rows = rows[rows["source"].isin(shown)]
    chosen = overview.sample(drawn_rows, per_source=per_source)
    crop_px = overview.crop_size(chosen)
    looks, pixels = overview.measure(manifest.root, chosen, crop_px=crop_px, progress=progress)
    copies = overview.identical(rows)
    page = (
        environment()
        .get_template("data.html.j2")
        .render(
            css=_css(),
            name=manifest.root.resolve().name,
            facts=_facts(manifest, rows),
            counts=_counts(manifest),
            excluded=_lines("Files kept out", ["File", "Reason"], manifest.excluded),
            num_excluded=len(manifest.excluded),
            misnamed=_lines("Files whose suffix misleads", ["File", "Content"], overview.misnamed(rows)),
            num_misnamed=len(overview.misnamed(rows)),
            left_out=rows["source"].nunique() - len(shown),
            num_sources=rows["source"].nunique(),
            is_relative=_reference(drawn_rows, looks) is not None,
            drawn=_draw(manifest, drawn_rows, looks, pixels, crop_px),
            sheets=_sheets(manifest, drawn_rows),
            copies=_copies(manifest, rows, copies),
            num_copies=len(copies),
            near=_near(manifest, near_duplicates),
            num_near=len(near_duplicates),
            faces=_faces(face_rates),
            per_source=per_source,
            crop_px=crop_px,
            most_lines=MAX_LINES,
            skipped=sum(each.num_images - each.num_spectra for each in looks.values()),
        )
    )
    try:
        with replace_file(out) as partial:
            partial.write_text(page, encoding="utf-8", newline="\n")
    except OSError as error:
        raise InputError(
            f"{out} can't be written ({error.strerror}); name another file with --out"
        ) from error
    return out


def _css() -> str:
    from markupsafe import Markup

    return Markup("\n").join(
        Markup((HERE / name).read_text(encoding="utf-8")) for name in ("style.css", "data.css")
    )


def _facts(manifest: Manifest, rows: pd.DataFrame) -> list[tuple[str, str]]:
    by = {"none": "each file by itself", "basename": "the file's name"}.get(
        manifest.group_by, manifest.group_by
    )
    return [
        ("Folder", printable(str(manifest.root.resolve()))),
        ("Layout", manifest.layout),
        ("Classes", ", ".join(manifest.classes)),
        ("Images", integer(len(rows))),
        ("Groups", f"{integer(rows['group'].nunique())}, by {by}"),
        ("Bytes", f"{rows['bytes'].sum() / 2**20:.1f} MiB"),
        (
            "Formats",
            ", ".join(f"{name} {integer(count)}" for name, count in rows["format"].value_counts().items()),
        ),
    ]


def _counts(manifest: Manifest) -> Grid:
    table = overview.counts(manifest)
    lines = [
        [str(source), str(name), str(split) or numbers.DASH, integer(int(images))]
        for source, name, split, images in table.itertuples(index=False, name=None)
    ]
    return grid("Images by source, class and split", ["Source", "Class", "Split", "Images"], lines, 3)


def _lines(label: str, columns: list[str], table: pd.DataFrame) -> Grid | None:
    rows = [list(map(str, row)) for row in table.head(MAX_LINES).itertuples(index=False, name=None)]
    return grid(label, columns, rows, len(columns)) if rows else None


def _draw(
    manifest: Manifest,
    rows: pd.DataFrame,
    looks: Mapping[str, overview.Looks],
    pixels: pd.DataFrame,
    crop_px: int,
) -> Drawn:
    from orchestrator.report.drawing import data_set

    table = overview.counts(manifest)
    table = table[table["source"].isin(list(looks))]
    drawn = Drawn(
        counts=[Panel("counts", data_set.draw_image_counts(table), f"Images of each source: {_said(table)}.")]
    )
    for place, facts, frame in ((drawn.facts, FACTS, rows), (drawn.looks, LOOKS, pixels)):
        for column, name, unit in facts:
            spread = overview.spread(frame, column)
            said = "; ".join(f"{source} {median:.3g}" for source, median in spread["median"].items())
            svg = data_set.draw_spreads(spread, name=name, unit=unit)
            place.append(
                Panel(column, svg, f"{name} by source. Medians{f' in {unit}' if unit else ''}: {said}.")
            )
    top = max(float(each.colours.max()) for each in looks.values())
    for source, each in looks.items():
        label = f"Distribution of red, green and blue values of {source}, {each.num_images} images."
        drawn.colours.append(
            Panel("colours", data_set.draw_colours(each.colours, source=source, top=top), label)
        )
    _draw_spectra(drawn, looks, _reference(rows, looks), crop_px)
    return drawn


def _draw_spectra(
    drawn: Drawn, looks: Mapping[str, overview.Looks], reference: np.ndarray | None, crop_px: int
) -> None:
    from orchestrator.report.drawing import data_set

    seen = {source: each for source, each in looks.items() if each.num_spectra}
    if not seen:
        return
    bounds = data_set.spectrum_bounds({source: each.spectrum for source, each in seen.items()})
    for source, each in seen.items():
        image = data_set.paint_spectrum(each.spectrum, bounds=bounds)
        alt = f"Mean log spectrum of {source}, {each.num_spectra} images, zero frequency in the middle."
        drawn.spectra.append(Picture(_uri(image, "png"), alt, source, crop_px))
    curves = {
        source: each.radial - (0.0 if reference is None else reference) for source, each in seen.items()
    }
    # The one real source, relative to itself, would be a line along zero.
    curves = {source: curve for source, curve in curves.items() if curve.any()}
    bounds = limits(np.concatenate([np.zeros(1 if reference is not None else 0), *curves.values()]))
    said = "Mean log power over frequency" + (
        ", relative to the real images" if reference is not None else ""
    )
    for source, curve in curves.items():
        svg = data_set.draw_radial_spectrum(
            curve, source=source, bounds=bounds, is_relative=reference is not None
        )
        drawn.radial.append(
            Panel("radial", svg, f"{said}: {source}, {curve[-1]:.2f} at the highest frequency.")
        )


def _reference(rows: pd.DataFrame, looks: Mapping[str, overview.Looks]) -> np.ndarray | None:
    """The mean curve of the real sources; None where classes are not real and fake."""
    labels = rows.groupby("source")["label"].agg(["min", "max"])
    if labels["max"].max() > 1:
        return None
    real = [
        looks[str(source)].radial
        for source in labels.index[labels["max"] == 0]
        if looks[str(source)].num_spectra
    ]
    return np.mean(real, axis=0) if real else None


def _said(table: pd.DataFrame) -> str:
    total = table.groupby("source", sort=True)["images"].sum()
    return "; ".join(f"{source} {count}" for source, count in total.items())


def _sheets(manifest: Manifest, rows: pd.DataFrame) -> list[tuple[str, list[Picture]]]:
    """A sheet of small pictures for each source, as many as the page has room for."""
    sources = sorted(rows["source"].unique())
    budget = SHEET_BYTES / len(sources)
    chosen = overview.sample(rows, per_source=MAX_SAMPLES)
    sheets = []
    for source in sources:
        paths = list(chosen.loc[chosen["source"] == source, "path"])
        pictures = _pictures(manifest.root, paths, alt=f"An image of {source}")
        sheets.append((str(source), _within(pictures, budget)))
    return sheets


def _pictures(root: Path, paths: Sequence[str], *, alt: str) -> list[Picture]:
    small = overview.thumbnails(root, paths, size_px=THUMBNAIL_PX)
    return [Picture(_uri(content, "jpeg"), alt, path) for content, path in zip(small, paths, strict=True)]


def _within(pictures: list[Picture], budget: float) -> list[Picture]:
    """As many pictures as fit, and one at the least."""
    kept: list[Picture] = []
    total = 0
    for picture in pictures:
        total += len(picture.uri)
        if kept and total > budget:
            break
        kept.append(picture)
    return kept


def _copies(manifest: Manifest, rows: pd.DataFrame, copies: Sequence[tuple[str, ...]]) -> list[Pair]:
    """Each content that is there more than once: the picture, and all its names with class and split."""
    about = {
        path: f"{manifest.classes[label] if label >= 0 else 'unlabelled'}{f', {split}' if split else ''}"
        for path, label, split in zip(rows["path"], rows["label"], rows["split"], strict=True)
    }
    pairs = []
    for paths in copies[:MAX_PAIRS]:
        pictures = _pictures(manifest.root, paths[:2], alt="A picture that is there twice")
        said = "different classes" if len({about[path].partition(",")[0] for path in paths}) > 1 else ""
        splits = {about[path].partition(", ")[2] for path in paths}
        said = (
            ", ".join(filter(None, [said, "different splits" if len(splits) > 1 else ""]))
            or "same class and split"
        )
        more = f", {len(paths)} copies" if len(paths) > 2 else ""
        pairs.append(Pair(tuple(pictures), f"Identical files{more}: {said}"))
    return _pairs_within(pairs)


def _near(manifest: Manifest, near: Sequence[tuple[str, str, float]]) -> list[Pair]:
    pairs = []
    for one, other, correlation in sorted(near, key=lambda pair: (-pair[2], pair[:2]))[:MAX_PAIRS]:
        pictures = _pictures(manifest.root, [one, other], alt="One of two pictures that are nearly the same")
        pairs.append(Pair(tuple(pictures), f"Correlation {numbers.number(correlation)}"))
    return _pairs_within(pairs)


def _pairs_within(pairs: list[Pair]) -> list[Pair]:
    kept: list[Pair] = []
    total = 0
    for pair in pairs:
        total += sum(len(picture.uri) for picture in pair.pictures)
        if total > PAIR_BYTES:
            break
        kept.append(pair)
    return kept


def _faces(rates: Mapping[str, Mapping[str, int]] | None) -> Grid | None:
    if not rates:
        return None
    outcomes = list(dict.fromkeys(outcome for found in rates.values() for outcome in found))
    rows: list[list[Cell | str]] = []
    for source, found in sorted(rates.items()):
        total = sum(found.values())
        shares = [
            Cell(integer(found.get(name, 0)), note=f"{found.get(name, 0) / total:.1%}" if total else "")
            for name in outcomes
        ]
        rows.append([source, *shares, integer(total)])
    return grid("Faces found by source", ["Source", *map(numbers.capital, outcomes), "Images"], rows)


def _uri(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
