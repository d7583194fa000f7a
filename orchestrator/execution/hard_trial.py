"""Evidence of one trial in a worker: pictures are written, and what else was found comes back as records."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from orchestrator.execution.trial_call import TrialCall
from orchestrator.store.hard_files import OTHER_CLASS, SAME_CLASS, Evidence
from trainables.files import replace_file

if TYPE_CHECKING:
    from trainables.explain.evidence import ImageEvidence


def fingerprint_table(*, rows: Path, root: Path, fingerprints: Path) -> int:
    """Keep the fingerprints of the images of the table `rows` (parquet); return how many there are."""
    from trainables.data.duplicates.fingerprints import fingerprint_files
    from trainables.data.splits.trial_rows import image_files

    files = image_files(pd.read_parquet(rows), root)
    return len(fingerprint_files(files, memory=fingerprints).sha256)


def evidence_by_trial(
    *, call: TrialCall, rows: Path, kept: Path, fingerprints: Path, pictures: Path
) -> tuple[list[Evidence], str]:
    """Gather evidence on images that a trial tested.

    `rows` (parquet) has the columns path, sha256, label, source, is_asked, is_hard, is_doubted: those asked
    about, and those that were learned from. Returns one record per image in their order, or none and why not.
    """
    from trainables.explain.evidence import evidence_on

    table = pd.read_parquet(rows)
    asked, training = (table[table["is_asked"] == wanted].reset_index(drop=True) for wanted in (True, False))
    try:
        found = evidence_on(
            call.trained(),
            asked,
            training,
            root=call.root,
            caches=call.caches,
            look=call.look(),
            device=call.torch_device(),
            kept=kept,
            fingerprints=fingerprints,
        )
    # The border of a trial.
    except Exception as error:
        return [], call.problem(error)
    about = {"experiment": call.trial.experiment, "trial": call.trial.folder.name}
    records = []
    for number, near in enumerate(found):
        record = _record(asked.iloc[number], near, training, about)
        contents = (near.seen_webp, near.overlay_webp, near.nearest_webp)
        for name, content in zip((record.seen, record.overlay, record.nearest), contents, strict=True):
            with replace_file(pictures / name) as partial:
                partial.write_bytes(content)
        records.append(record)
    return records, ""


def _record(
    image: "pd.Series[Any]", near: "ImageEvidence", training: pd.DataFrame, about: Mapping[str, str]
) -> Evidence:
    """Put down what was found on an image; `about` says by which trial of which experiment."""
    digest, label, learned = str(image["sha256"]), int(image["label"]), training.iloc[near.nearest]
    record = Evidence(
        path=str(image["path"]),
        sha256=digest,
        source=str(image["source"]),
        label=label,
        is_hard=bool(image["is_hard"]),
        is_doubted=bool(image["is_doubted"]),
        experiment=about["experiment"],
        trial=about["trial"],
        score=near.score,
        format=near.facts.format,
        width=near.facts.width,
        height=near.facts.height,
        bytes=near.facts.bytes,
        nearest_path=str(learned["path"]),
        nearest_source=str(learned["source"]),
        nearest_label=int(learned["label"]),
        nearest_similarity=near.similarity,
        seen=f"{digest[:16]}-seen.webp",
        overlay=f"{digest[:16]}-overlay.webp",
        nearest=f"{digest[:16]}-nearest.webp",
    )
    if near.version is None:
        return record
    twin = training.iloc[near.version_row]
    version = {
        "alarm": SAME_CLASS if int(twin["label"]) == label else OTHER_CLASS,
        "duplicate_path": str(twin["path"]),
        "duplicate_label": int(twin["label"]),
        "duplicate_kind": near.version.kind,
        "duplicate_similarity": near.version.similarity,
    }
    return record.model_copy(update=version)
