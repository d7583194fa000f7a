"""`data prepare`: what a study would do with the images first, done ahead of it."""

import json
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.commands.options import (
    RESULTS,
    DebugOption,
    FollowLinksOption,
    JsonOption,
    LayoutOption,
    RealSourcesOption,
    ResultsOption,
    check_layout,
    names_of,
)
from orchestrator.console import progress_bar, say, screen
from trainables.errors import InputError
from trainables.progress import OnProgress, OpenBar

if TYPE_CHECKING:
    from orchestrator.store.folder import Store
    from trainables.data.dataset.manifest import Manifest
    from trainables.data.images.crops import FaceRule

DEFAULT_OUT = Path("cropped/classifier")
MOST_LINES = 20


def prepare_command(
    folder: Annotated[Path, typer.Argument(help="Folder of images.")],
    faces: Annotated[
        bool, typer.Option("--faces", help="Find faces and write a folder of crops, for data_dir.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the crops; cropped/classifier where none is named.")
    ] = None,
    margin: Annotated[
        float, typer.Option(min=0.0, max=4.0, help="Share of the face's longer side added on each side.")
    ] = 0.6,
    rule: Annotated[
        str, typer.Option(help="Of several faces: largest, or central (nearest to the middle).")
    ] = "largest",
    size: Annotated[
        int | None, typer.Option(min=16, max=1024, help="Side in pixels; alone, it builds the pixel cache.")
    ] = None,
    layout: LayoutOption = "auto",
    real_sources: RealSourcesOption = "",
    follow_links: FollowLinksOption = False,
    results: ResultsOption = RESULTS,
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Find faces and write cropped folders (--faces), or build the pixel cache of a size (--size) ahead.

    Example: python -m orchestrator data prepare ~/faces --faces --out cropped/classifier --margin 0.6
    """
    check_layout(layout)
    _check_options(faces=faces, size=size, rule=rule, out=out)
    from orchestrator.plan.data_sets import scan_memory
    from orchestrator.store.folder import Store
    from trainables.data.dataset.manifest import scan

    console = screen(stderr=as_json)
    store = Store.open(results)

    def bar(title: str) -> AbstractContextManager[OnProgress]:
        return progress_bar(console, title, quiet=quiet)

    with bar("Reading images") as progress:
        scanned = scan(
            folder,
            layout=layout,
            real_sources=names_of(real_sources),
            follow_links=follow_links,
            memory=scan_memory(store, folder),
            progress=progress,
        )
    if faces:
        chosen: FaceRule = "central" if rule == "central" else "largest"
        text, lines = _crop(scanned, out or DEFAULT_OUT, margin, chosen, size, store, bar)
    else:
        assert size is not None, "checked above"
        text, lines = _build_cache(scanned, size, store, bar)
    _say(text, [scanned.said, *lines], as_json=as_json, quiet=quiet)


def _say(text: str, lines: list[str], *, as_json: bool, quiet: bool) -> None:
    if as_json:
        print(text)
    elif not quiet:
        for line in lines:
            say(line)


def _check_options(*, faces: bool, size: int | None, rule: str, out: Path | None) -> None:
    if rule not in ("largest", "central"):
        raise InputError(f"--rule {rule}: there are largest and central")
    if not faces and size is None:
        raise InputError("data prepare: say what to prepare, --faces or --size PX")
    if not faces and out is not None:
        raise InputError("--out goes with --faces; the pixel cache is kept in --results")


def _crop(
    manifest: "Manifest",
    out: Path,
    margin: float,
    rule: "FaceRule",
    size_px: int | None,
    store: "Store",
    bar: OpenBar,
) -> tuple[str, list[str]]:
    """Write crops; return what is said of them as JSON and as lines."""
    from trainables.data.copies.cropped import crop_to_faces
    from trainables.data.faces import local_detector
    from trainables.device import device_type

    done = crop_to_faces(
        manifest,
        out,
        margin=margin,
        rule=rule,
        size_px=size_px,
        faces=store.faces_table,
        look=local_detector(device_type()),
        bar=bar,
    )
    counts, written = done.faces, done.images.written
    text = json.dumps({"out": str(out), "rule": rule, "written": written, **asdict(counts)}, indent=1)
    lines = [
        f"{counts.with_face} of {counts.images} images show a face, {counts.several} several "
        f"(the {rule} is taken), {len(counts.without_face)} none (cut to their middle)"
    ]
    lines += [
        f"{each.source}: {each.with_face} of {each.images}, {each.several} several"
        for each in counts.by_source
    ]
    lines += [f"no face  {path}" for path in counts.without_face[:MOST_LINES]]
    if len(counts.without_face) > MOST_LINES:
        lines.append(f"... and {len(counts.without_face) - MOST_LINES} more; --json lists all")
    return text, [*lines, f"{written} files written to {out}"]


def _build_cache(manifest: "Manifest", size_px: int, store: "Store", bar: OpenBar) -> tuple[str, list[str]]:
    """Build a pixel cache; return what is said of it as JSON and as lines."""
    from orchestrator.store.caches import image_caches
    from trainables.data.pixels import open_pixels
    from trainables.recipe import RecipeKeys
    from trainables.trial_inputs import prepare_pixels

    recipe = RecipeKeys.model_validate({"image_size": size_px})
    caches = image_caches(store)
    with bar("Preparing pixels") as progress:
        folder = prepare_pixels(manifest.rows, recipe, root=manifest.root, caches=caches, progress=progress)
    num_images, num_bytes = manifest.rows["sha256"].nunique(), int(open_pixels(folder).array.nbytes)
    content = {"cache": str(folder), "images": num_images, "bytes": num_bytes}
    return json.dumps(content, indent=1), [f"{num_images} images, {num_bytes / 2**20:.1f} MiB: {folder}"]
