"""Known faces of a study's images, counted for its record.

What was found lies in results/cache/faces/, one table for each version of the detector, whatever data folder
an image comes from. The record of a study says how many images show a face, so that the report can.
"""

from dataclasses import asdict

import pandas as pd

from orchestrator.plan.plan import StudyPlan
from orchestrator.store.records import FacesRecord
from orchestrator.store.remote.local_copy import place_text
from trainables.data.faces import count_faces, count_unchanged, read_faces


def faces_record(study: StudyPlan, root: str) -> FacesRecord | None:
    """Say what was found in the data folder `root`; None when nobody asked for faces.

    Counted are the images of the experiments that crop to faces. Where the table is gone, or does not hold
    all of them, the counts of the record that is there stay.
    """
    asking = [
        planned
        for planned in study.experiments
        if planned.experiment.face_crop and place_text(planned.manifest.root) == root
    ]
    if not asking:
        return None
    every = pd.concat([rows for planned in asking for rows in planned.rows])
    images, known = every.drop_duplicates("path"), read_faces(study.store.faces_table)
    counts = count_faces(images[["path", "sha256", "source"]], known)
    if counts is None:
        before = study.store.known_study(study.phase.name)
        return next((each.faces for each in before.data if each.root == root), None) if before else None
    shown = [known[digest] for digest in images["sha256"]]
    cuts = sorted({(each.experiment.face_crop_margin, each.experiment.face_rule) for each in asking})
    unchanged = [
        {"margin": margin, "images": count_unchanged(shown, margin=margin, rule=rule)}
        for margin, rule in cuts
    ]
    rules = sorted({rule for _, rule in cuts})
    return FacesRecord.model_validate({**asdict(counts), "rules": rules, "unchanged": unchanged})
