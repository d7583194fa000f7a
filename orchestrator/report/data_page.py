"""The page about a set of images: a manifest in, one HTML file out that needs nothing else.

It shows and does not judge: counts, sizes, colours, sample sheets, spectra, what is there twice. Pictures are
small JPEG and PNG files inside the page; a set of many sources gets smaller sheets, so that the page stays
below MAX_PAGE_BYTES. Every name on it may come from a stranger's archive and is escaped by the template.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from orchestrator.report.image_sections.counts import counts_section
from orchestrator.report.image_sections.duplicates import duplicates_section
from orchestrator.report.image_sections.faces import faces_section
from orchestrator.report.image_sections.samples import samples_section
from orchestrator.report.image_sections.spectra import spectra_section
from orchestrator.report.image_sections.spreads import colours_section, files_section
from orchestrator.report.image_set import ImageSet, read_images
from orchestrator.report.rendering import render_page
from orchestrator.report.section import Document, Section
from trainables.data.dataset.manifest import Manifest
from trainables.errors import InputError
from trainables.files import replace_file
from trainables.progress import OnProgress

MAX_PAGE_BYTES = 5 * 2**20
SECTIONS: tuple[Callable[[ImageSet], Section | None], ...] = (
    counts_section,
    samples_section,
    files_section,
    colours_section,
    spectra_section,
    duplicates_section,
    faces_section,
)


def write_data_report(
    manifest: Manifest,
    out: Path,
    *,
    with_paths: bool = False,
    per_source: int = 200,
    near_duplicates: Sequence[tuple[str, str, float]] = (),
    face_rates: Mapping[str, Mapping[str, int]] | None = None,
    progress: OnProgress | None = None,
) -> Path:
    """Write the page about `manifest` to `out` and return `out`.

    Args:
        manifest: the scanned images; their files are read for samples, colours and spectra.
        out: the HTML file.
        with_paths: name the folder by its whole path.
        per_source: how many pictures of each source are read for averages.
        near_duplicates: pairs of paths with their correlation (0 to 1), if they were looked for.
        face_rates: source -> outcome ("one face", ...) -> images, if faces were looked for.
        progress: called with (done, total) pictures.

    Raises:
        InputError: a picture can't be read any more, or `out` can't be written.
    """
    images = read_images(
        manifest,
        folder=str(manifest.root.resolve()) if with_paths else manifest.root.resolve().name,
        per_source=per_source,
        near_duplicates=near_duplicates,
        face_rates=face_rates,
        progress=progress,
    )
    found = (section(images) for section in SECTIONS)
    document = Document(
        manifest.root.resolve().name,
        "What the images look like, source by source",
        tuple(section for section in found if section is not None),
    )
    try:
        with replace_file(out) as partial:
            page = render_page(document, styles=("style.css", "data.css"))
            partial.write_text(page, encoding="utf-8", newline="\n")
    except OSError as error:
        raise InputError(
            f"{out} can't be written ({error.strerror}); name another file with --out"
        ) from error
    return out
