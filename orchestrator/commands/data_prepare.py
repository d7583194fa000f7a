"""`data prepare`: what a study would do with the images first, done ahead of it."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestrator.commands.options import (
    REAL_SOURCES,
    DebugOption,
    JsonOption,
    LayoutOption,
    RealSourcesOption,
    check_layout,
    names_of,
)
from orchestrator.console import say, screen
from trainables.errors import InputError

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
    real_sources: RealSourcesOption = REAL_SOURCES,
    results: Annotated[Path, typer.Option("--results", help="Folder of results, which keeps caches.")] = Path(
        "results"
    ),
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing but errors.")] = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Find faces and write cropped folders (--faces), or build the pixel cache of a size (--size) ahead.

    Example: python -m orchestrator data prepare ~/faces --faces --out cropped/classifier --margin 0.6
    """
    check_layout(layout)
    if rule not in ("largest", "central"):
        raise InputError(f"--rule {rule}: there are largest and central")
    if not faces and size is None:
        raise InputError("data prepare: say what to prepare, --faces or --size PX")
    if not faces and out is not None:
        raise InputError("--out goes with --faces; the pixel cache is kept in --results")
    from orchestrator.console import progress_bar
    from orchestrator.plan.data_sets import scan_memory
    from orchestrator.store.folder import Store
    from trainables.data.dataset.manifest import scan

    console = screen(stderr=as_json)
    store = Store.open(results)
    with progress_bar(console, "Reading images", quiet=quiet) as progress:
        scanned = scan(
            folder,
            layout=layout,
            real_sources=names_of(real_sources),
            memory=scan_memory(store, folder),
            progress=progress,
        )
    if faces:
        target = out or DEFAULT_OUT
        outcome = _write_crops(
            scanned, target, margin=margin, rule=rule, size_px=size, store=store, console=console, quiet=quiet
        )
    else:
        assert size is not None, "checked above"
        outcome = _build_cache(scanned, size, store=store, console=console, quiet=quiet)
    if as_json:
        print(json.dumps(outcome, indent=1))
    elif not quiet:
        for line in _lines(outcome):
            say(line, console=console)


def _write_crops(
    manifest: Any,
    out: Path,
    *,
    margin: float,
    rule: str,
    size_px: int | None,
    store: Any,
    console: Any,
    quiet: bool,
) -> dict[str, Any]:
    from orchestrator.console import progress_bar
    from trainables.data.copies.cropped import crop_record, write_cropped
    from trainables.data.copies.dataset_copy import check_target
    from trainables.data.faces import count_faces, ensure_faces, face_squares
    from trainables.data.images.crops import FaceRule
    from trainables.data.splits.trial_rows import image_files
    from trainables.device import device_type

    chosen: FaceRule = "central" if rule == "central" else "largest"
    record = crop_record(manifest.root, margin=margin, rule=chosen, size_px=size_px)
    check_target(out, record)
    files = image_files(manifest.rows, manifest.root)

    def look(missing: Any) -> Any:
        from trainables.data.face_detector import look_here

        return look_here(missing, device=device_type())

    with progress_bar(console, "Finding faces", quiet=quiet) as progress:
        found = ensure_faces(store.faces_table, files, look=look, progress=progress)
    squares = face_squares(found.values(), margin=margin, rule=chosen)
    with progress_bar(console, "Writing crops", quiet=quiet) as progress:
        done = write_cropped(
            manifest, out, squares=squares, record=record, size_px=size_px, progress=progress
        )
    counts = count_faces(manifest.rows, found)
    assert counts is not None, "every image was looked at"
    return {"out": str(out), "rule": rule, "written": done.written, **counts}


def _build_cache(manifest: Any, size_px: int, *, store: Any, console: Any, quiet: bool) -> dict[str, Any]:
    from orchestrator.console import progress_bar
    from trainables.data.pixels import ensure_pixels, open_pixels
    from trainables.data.splits.trial_rows import image_files

    files = image_files(manifest.rows, manifest.root)
    with progress_bar(console, "Preparing pixels", quiet=quiet) as progress:
        folder = ensure_pixels(store.cached("pixels"), files, size_px=size_px, progress=progress)
    return {"cache": str(folder), "images": len(files), "bytes": int(open_pixels(folder).array.nbytes)}


def _lines(outcome: dict[str, Any]) -> list[str]:
    if "cache" in outcome:
        return [f"{outcome['images']} images, {outcome['bytes'] / 2**20:.1f} MiB: {outcome['cache']}"]
    without = outcome["without_face"]
    lines = [
        f"{outcome['with_face']} of {outcome['images']} images show a face, {outcome['several']} several "
        f"(the {outcome['rule']} is taken), {len(without)} none (cut to their middle)"
    ]
    lines += [
        f"{each['source']}: {each['with_face']} of {each['images']}, {each['several']} several"
        for each in outcome["by_source"]
    ]
    lines += [f"no face  {path}" for path in without[:MOST_LINES]]
    if len(without) > MOST_LINES:
        lines.append(f"... and {len(without) - MOST_LINES} more; --json lists all")
    return [*lines, f"{outcome['written']} files written to {outcome['out']}"]
