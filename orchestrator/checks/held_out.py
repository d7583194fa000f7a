"""Findings about the images of a data folder that the runs in a folder of results hold out."""

from orchestrator.store.folder import Store
from orchestrator.store.held_out_files import held_out_files
from trainables.data.checks.findings import Finding
from trainables.data.dataset.manifest import Manifest


def held_out_findings(store: Store, manifest: Manifest) -> list[Finding]:
    """Say how many images of the data folder are in no fold of the runs in `store`, a note for each file.

    Raises:
        InputError: a file of held-out images is damaged.
    """
    findings = []
    for name, rows in held_out_files(store).items():
        here = int(manifest.rows["sha256"].isin(set(rows["sha256"])).sum())
        if here:
            groups = rows["group"].nunique()
            sentence = (
                f"{here} of {len(manifest.rows)} images, {groups} groups, are held out for the end "
                f"(holdout/{name})"
            )
            findings.append(Finding("held_out", "note", sentence))
    return findings
