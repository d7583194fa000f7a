"""A folder of images in a notebook: sections of its page, what the checks say, and steps of preprocessing.

    images = load_images("faces", results="results")
    images.section("samples")
    images.check()

The folder is read when something of it is first asked for. What can't be shown is said in a sentence. Faces
and scans that a run has kept in `results` are used, and what is found now is kept there too.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from orchestrator.checks.data_findings import DataCheck, check_data
from orchestrator.commands.run_options import RunOptions
from orchestrator.notebook.view import View, sheet
from orchestrator.plan.data_sets import scan_memory
from orchestrator.report.grid import grid
from orchestrator.report.section import Block, Details, Heading, Span, Table, note, prose
from orchestrator.store.folder import Store
from orchestrator.wording.numbers import number
from trainables.data.dataset.manifest import Manifest, manifest_links, scan
from trainables.errors import InputError, nearest
from trainables.progress import OnProgress
from trainables.recipe import Augment, RecipeKeys

if TYPE_CHECKING:
    from orchestrator.report.image_set import ImageSet
    from orchestrator.report.section import Section
    from trainables.data.checks.findings import Finding
    from trainables.data.faces import DetectedFaces

SUFFIX = "_section"
MOST_CASES = 5
PICTURE_PX = 160


def load_images(
    data: Path | str,
    *,
    results: Path | str | None = None,
    layout: str = "auto",
    group_by: str = "auto",
    real_sources: Sequence[str] = (),
    follow_links: bool = False,
    per_source: int = 100,
) -> "ImageFolder":
    """Name a folder of images to look at; the options are those of `data report`."""
    folder = None if results is None or not Path(results).is_dir() else Path(results)
    return ImageFolder(Path(data), folder, layout, group_by, tuple(real_sources), follow_links, per_source)


@dataclass(frozen=True)
class ImageFolder:
    """A folder of images. `per_source` pictures of each source are read for averages and faces."""

    root: Path
    results: Path | None
    layout: str
    group_by: str
    real_sources: tuple[str, ...]
    follow_links: bool
    per_source: int

    @functools.cached_property
    def manifest(self) -> Manifest:
        """The images with their facts, groups and classes; files that can't be used are listed.

        Raises:
            InputError: the folder can't be read as a data set.
        """
        return scan(
            self.root,
            layout=self.layout,
            group_by=self.group_by,
            real_sources=self.real_sources,
            follow_links=self.follow_links,
            max_unusable=1.0,
            memory=self._memory,
        )

    @functools.cached_property
    def image_set(self) -> "ImageSet":
        """What the sections about images are made of: facts, samples, colours, spectra, duplicates, faces.

        Raises:
            InputError: the folder can't be read as a data set.
        """
        from orchestrator.report.image_set import read_images
        from trainables.data.duplicates.near_duplicates import near_pairs
        from trainables.data.faces import local_detector
        from trainables.data.overview import sample_faces
        from trainables.device import device_type

        rates = sample_faces(
            self.manifest,
            per_source=self.per_source,
            table=None if self.results is None else Store.look(self.results).faces_table,
            look=local_detector(device_type()),
        )
        return read_images(
            self.manifest,
            folder=self.root.resolve().name,
            per_source=self.per_source,
            near_duplicates=near_pairs(manifest_links(self.manifest, memory=self._memory)),
            face_rates=rates,
            progress=None,
        )

    def section(self, name: str) -> View:
        """Show a section of the page about images: counts, samples, files, colours, spectra, ..."""
        sections = _sections()
        if name not in sections:
            raise InputError(f"no section about images is called {name!r}; {nearest(name, sections)}")
        return _said("", lambda: View.of(sections[name](self.image_set), otherwise=f"No {name} to show."))

    def summary(self) -> View:
        """Show quantiles of each fact by source: sizes of all images, colours of those that were read."""
        return _said("Facts by source", self._summary)

    def check(self) -> View:
        """Show what `data check` finds: leakage, shortcuts, and whether finished runs kept folds apart."""
        return _said("Checks", self._check)

    def cuts(self, *, face_crop: bool, size_px: int = PICTURE_PX, per_source: int = 3) -> View:
        """Show what is cut out of some images of each source, and what becomes of it.

        Args:
            face_crop: cut to the face, as the recipe of an experiment with face_crop does.
            size_px: side of the squares.
            per_source: images of each source.
        """
        title = "Cut to the face" if face_crop else "Cut to the central square"

        def make() -> View:
            from trainables.data.demonstration import cut_out, jpeg, outlined
            from trainables.data.faces import face_squares

            rows, recipe = self._rows(per_source), RecipeKeys()
            faces = self._faces(rows) if face_crop else {}
            squares = face_squares(faces.values(), margin=recipe.face_crop_margin, rule=recipe.face_rule)
            whole = outlined(self.root, rows, side_px=PICTURE_PX, squares=squares, faces=faces)
            small = cut_out(self.root, rows, size_px=size_px, squares=squares)
            pictures = [jpeg(each) for pair in zip(whole, small, strict=True) for each in pair]
            names = [name for path in rows["path"] for name in (path, f"{size_px} × {size_px} px")]
            said = _cut_note(len(rows), len(squares), recipe) if face_crop else SQUARE_NOTE
            return View(title, (sheet(pictures, names, side_px=PICTURE_PX), note(said)))

        return _said(title, make)

    def augmented(self, experiment: str, *, size_px: int = PICTURE_PX, epochs: int = 7) -> View:
        """Show an image of each source before, and as training with an experiment's `augment` changes it."""
        title = f"Before, and as {experiment} changes it"

        def make() -> View:
            from trainables.data.demonstration import augmented, cut_out, jpeg

            settings = _recipe_of(experiment).augment or Augment()
            rows = self._rows(1)
            pixels = cut_out(self.root, rows, size_px=size_px)
            rounds = [pixels, *(augmented(pixels, settings, seed=0, epoch=each) for each in range(epochs))]
            blocks: list[Block] = []
            for place, source in enumerate(rows["source"]):
                names = ["as it is", *(f"epoch {each + 1}" for each in range(epochs))]
                pictures = [jpeg(images[place]) for images in rounds]
                blocks += [Heading(str(source), is_name=True), sheet(pictures, names, side_px=PICTURE_PX)]
            changes = ", ".join(f"{key} {value}" for key, value in settings.identity().items() if value)
            said = f"augment: {changes or 'nothing'}. Validation and test images are never changed."
            return View(title, (*blocks, note(said)))

        return _said(title, make)

    def normalisations(self, names: Sequence[str] = ("imagenet", "real_norm"), *, size_px: int = 96) -> View:
        """Compare ways of normalising, on the sampled images of all sources.

        real_norm is measured on the real ones among them; a trial measures it on those of its training part.
        """
        title = "Normalised"

        def make() -> View:
            from trainables.data.demonstration import as_picture, channel_means, cut_out, jpeg, normalised
            from trainables.training.normalization import normalization_of

            rows = self._rows(self.per_source)
            pixels = cut_out(self.root, rows, size_px=size_px)
            shown = np.flatnonzero(~rows["source"].duplicated())
            lines, pictures, labels = [], [], []
            for name in names:
                found = normalization_of(
                    name,
                    pixels,
                    rows=np.arange(len(rows)),
                    labels=rows["label"].to_numpy(),
                    num_classes=len(self.manifest.classes),
                )
                values = normalised(pixels, found)
                for source, means in channel_means(values, list(rows["source"])).iterrows():
                    lines.append([name, str(source), *(number(round(each, 4), sign=True) for each in means)])
                pictures += [jpeg(each) for each in as_picture(values[shown])]
                labels += [f"{name}, {source}" for source in rows["source"].iloc[shown]]
            table = grid(
                "Mean after normalisation", ["Normalisation", "Source", "Red", "Green", "Blue"], lines, 2
            )
            real = int((rows["label"] == 0).sum())
            said = note(
                f"Means over the {len(rows)} sampled images, in deviations; 0 = as bright as what the "
                f"normalisation was taken from. real_norm is measured on the {real} real images among them."
            )
            scale = note("Black is −3, white is +3 deviations.")
            return View(title, (sheet(pictures, labels, side_px=PICTURE_PX), scale, Table(table), said))

        return _said(title, make)

    @property
    def _memory(self) -> Path | None:
        return None if self.results is None else scan_memory(Store.look(self.results), self.root)

    def _rows(self, per_source: int) -> pd.DataFrame:
        from trainables.data.overview import sample

        return sample(self.manifest.rows, per_source=per_source)

    def _faces(self, rows: pd.DataFrame) -> "dict[str, DetectedFaces]":
        from trainables.data.faces import ensure_faces, local_detector
        from trainables.data.splits.trial_rows import image_files
        from trainables.device import device_type

        with TemporaryDirectory() as folder:
            kept = None if self.results is None else Store.look(self.results).faces_table
            return ensure_faces(
                kept or Path(folder) / "faces.parquet",
                image_files(rows, self.manifest.root),
                look=local_detector(device_type()),
            )

    def _summary(self) -> View:
        from trainables.data.overview import QUANTILES, quantiles_by_source

        lines = []
        for name, (table, column) in _facts(self.image_set).items():
            for source, row in quantiles_by_source(table, column).iterrows():
                lines.append([name, str(source), *(number(value) for value in row)])
        heads = ["Fact", "Source", *(f"{share:.0%}" for share in QUANTILES.values())]
        read = (
            f"Brightness, contrast and saturation are of {len(self.image_set.pixels)} images that were read."
        )
        return View("Facts by source", (Table(grid("Quantiles by source", heads, lines, 2)), note(read)))

    def _check(self) -> View:
        store = None if self.results is None else Store.look(self.results)
        why = ""
        try:
            found = self._data_check(store)
        except InputError as error:
            if store is None:
                raise
            found, why = self._data_check(None), f"Finished runs were not verified: {error}."
        blocks = [
            prose(found.verdict, tone="says"),
            *((prose(why),) if why else ()),
            *(block for finding in found.findings for block in _finding_blocks(finding)),
        ]
        return View("Checks", tuple(blocks))

    def _data_check(self, store: Store | None) -> DataCheck:
        return check_data(
            self.root,
            layout=self.layout,
            group_by=self.group_by,
            real_sources=self.real_sources,
            follow_links=self.follow_links,
            protocol="cv",
            store=store,
            phase=None,
            bar=_silent_bar,
        )


SQUARE_NOTE = (
    "Blue: the largest square in the middle, which is kept and resized once (Lanczos). Right of each: what "
    "is left of the image."
)


def _facts(images: "ImageSet") -> dict[str, tuple[pd.DataFrame, str]]:
    """Name each fact, and say in which column of which table it is."""
    of_files = {"Width (px)": "width", "Height (px)": "height", "Width : height": "aspect"}
    of_files["Bits per pixel"] = "bits_per_pixel"
    of_pixels = {"Brightness": "brightness", "Contrast": "contrast", "Saturation": "saturation"}
    return {name: (images.rows, column) for name, column in of_files.items()} | {
        name: (images.pixels, column) for name, column in of_pixels.items()
    }


def _cut_note(images: int, with_face: int, recipe: RecipeKeys) -> str:
    return (
        f"Orange: faces that MTCNN found. Blue: the {recipe.face_rule} face with a margin of "
        f"{recipe.face_crop_margin:g} of its longer side, which is kept. {with_face} of these {images} "
        "images show a face; the others keep their middle."
    )


def _finding_blocks(finding: "Finding") -> Iterator[Block]:
    yield Heading(finding.name.replace("_", " "))
    yield prose(Span(finding.severity, "mark"), ": ", finding.sentence)
    if finding.rows:
        columns = list(finding.rows[0])
        lines = [[_cell(row[name]) for name in columns] for row in finding.rows[:MOST_CASES]]
        table = Table(grid(finding.name, columns, lines, len(columns)))
        yield Details((f"{min(MOST_CASES, len(finding.rows))} of {len(finding.rows)} cases",), (table,))


def _cell(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)


def _recipe_of(experiment: str) -> RecipeKeys:
    (found,) = RunOptions().question((experiment,)).experiments
    return found.recipe_keys()


def _said(title: str, make: Callable[[], View]) -> View:
    """Make a view, or say why there is none."""
    try:
        return make()
    except InputError as error:
        return View.saying(f"{error}.", title=title)


def _sections() -> "dict[str, Callable[[ImageSet], Section | None]]":
    """Name the sections about images by the functions that make them."""
    from orchestrator.report.data_page import SECTIONS

    return {make.__name__.removesuffix(SUFFIX): make for make in SECTIONS}


@contextlib.contextmanager
def _silent_bar(title: str) -> Iterator[OnProgress]:
    yield lambda done, total: None
