"""Pixel caches that a plan needs, by image size, and whether they are there: one line for `plan`."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from orchestrator.console import size_text
from orchestrator.plan.plan import StudyPlan
from orchestrator.store.caches import image_caches
from trainables.data.pixels import num_bytes
from trainables.errors import InputError
from trainables.files import free_bytes
from trainables.trial_inputs import find_pixels


@dataclass(frozen=True, slots=True)
class PixelNeed:
    """One cache that the plan reads: how many images of which size, how large, and whether it is built.

    `key` is None as long as it hangs on faces that have not been looked for.
    """

    key: str | None
    num_images: int
    size_px: int
    bytes: int
    is_there: bool


def pixel_needs(study: StudyPlan) -> tuple[PixelNeed, ...]:
    """Return the pixel caches of the experiments that this command is about, each once."""
    names = {trial.experiment for trial in study.selected()}
    caches = image_caches(study.store)
    needs: dict[tuple[object, ...], PixelNeed] = {}
    for planned in study.experiments:
        if planned.experiment.name not in names:
            continue
        recipe = planned.experiment.recipe_keys()
        size_px = recipe.image_size
        # All repeats use the same images.
        hashes = sorted(set(planned.rows[0]["sha256"]))
        key, is_there = None, False
        # Faces that have not been looked for yet can be in no cache; what will be cut is known by its rule.
        known_by: tuple[object, ...] = (size_px, recipe.face_crop_margin, recipe.face_rule, *hashes)
        with contextlib.suppress(InputError):
            found = find_pixels(hashes, recipe, caches=caches)
            key, is_there = found.key, found.folder is not None
            known_by = (key,)
        needs[known_by] = PixelNeed(key, len(hashes), size_px, num_bytes(len(hashes), size_px), is_there)
    return tuple(sorted(needs.values(), key=lambda need: need.size_px))


def pixel_line(study: StudyPlan) -> str:
    """Say what the plan needs and what of it is missing, in one line."""
    needs = pixel_needs(study)
    parts = [
        f"{need.num_images} images at {need.size_px} px {size_text(need.bytes)}"
        + (" (there)" if need.is_there else "")
        for need in needs
    ]
    missing = sum(need.bytes for need in needs if not need.is_there)
    line = f"Pixel cache: {', '.join(parts)}"
    if not missing:
        return f"{line}; nothing to build"
    free = free_bytes(study.store.cache)
    short = (
        f", too little; free {size_text(missing - int(free * 0.95))} more" if missing > free * 0.95 else ""
    )
    return f"{line}; {size_text(missing)} to build, {size_text(free)} free{short}"


def pixel_json(study: StudyPlan) -> list[Mapping[str, JsonValue]]:
    """Return the same as plain values."""
    return [
        {
            "key": need.key,
            "images": need.num_images,
            "image_size": need.size_px,
            "bytes": need.bytes,
            "built": need.is_there,
        }
        for need in pixel_needs(study)
    ]
