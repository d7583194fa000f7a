"""Images that are where a version of them is too: across labels, sources, groups and own splits.

In:  a manifest's rows and the links between them (`near_duplicates`). Out: findings, with the paths.
A component of links that lies in two splits has at least one link that crosses, so looking at links finds
every leak, though not every pair of images that takes part in it.
"""

from collections.abc import Sequence

import pandas as pd

from trainables.data.checks.findings import Case, Finding, Severity
from trainables.data.dataset.groups import rules
from trainables.data.dataset.layouts import UNLABELLED
from trainables.data.dataset.manifest import Manifest
from trainables.data.duplicates.near_duplicates import IDENTICAL, LINK_COLUMNS

# More near-duplicates of one folder than a few, and a share of the images that tells of videos or people.
FEW, MANY = 5, 0.1
_ASPECTS = ("label", "source", "group", "split")


def find_leakage(
    rows: pd.DataFrame,
    links: pd.DataFrame,
    *,
    group_by: str,
    classes: Sequence[str],
    protocol: str = "cv",
) -> list[Finding]:
    """Say what identical files and near-duplicates would do to a study.

    Args:
        rows: columns path, label, source, group, split.
        links: columns LINK_COLUMNS, of these rows.
        group_by: how the groups were made, in full.
        classes: the names of the labels.
        protocol: cv, holdout or official: whether the own splits matter.

    Returns:
        At most one finding for each of labels, sources, groups and splits, and each of identical files and
        near-duplicates; and a note of those that are in one of each. Empty when there are no links.
    """
    table = _with_aspects(rows, links, classes)
    findings = []
    for identical in (True, False):
        part = table[(table["kind"] == IDENTICAL) == identical]
        for finding in (
            _labels(part, identical),
            _sources(part, identical),
            _crossing_groups(part, group_by),
            _frames_in_folders(part, group_by, len(rows)),
            _splits(rows, part, identical, protocol),
            _within(part, identical),
        ):
            if finding is not None:
                findings.append(finding)
    return findings


def _labels(links: pd.DataFrame, identical: bool) -> Finding | None:
    crossing = _crossing(links, "label")
    if crossing.empty:
        return None
    joined = _joined(crossing)
    many = f"{_pairs(crossing, identical=identical)} with different labels"
    if identical:
        sentence = f"{many}: one of the two is wrong whatever a model says; remove or relabel one of each"
        return _finding("label", identical, "warning", sentence, crossing)
    sentence = f"{many}, as of a photo and its edited version; " + _kept(joined)
    return _finding("label", identical, "note" if joined else "warning", sentence, crossing)


def _sources(links: pd.DataFrame, identical: bool) -> Finding | None:
    crossing = _crossing(links[links["first_label"] == links["second_label"]], "source")
    if crossing.empty:
        return None
    joined = _joined(crossing)
    many = f"{_pairs(crossing, identical=identical)} in different sources of one class"
    sentence = f"{many}: a source that is held out is not unseen; remove them from one of the two"
    if not identical:
        sentence = f"{many}: a source that is held out shares these pictures; " + _kept(joined)
    severity: Severity = "warning" if identical or not joined else "note"
    return _finding("source", identical, severity, sentence, crossing)


def find_split_groups(manifest: Manifest, links: pd.DataFrame) -> list[Finding]:
    """Say where more than a few near-duplicates are in different groups, or groups hang on them alone."""
    table = _with_aspects(manifest.rows, links, manifest.classes)
    found = (
        _crossing_groups(table, manifest.group_by),
        _frames_in_folders(table, manifest.group_by, len(manifest.rows)),
    )
    return [finding for finding in found if finding is not None and len(finding.rows) > FEW]


def _crossing_groups(table: pd.DataFrame, group_by: str) -> Finding | None:
    near = table[table["kind"] != IDENTICAL]
    crossing = _crossing(near, "group")
    if crossing.empty:
        return None
    in_folder = int(_in_one_folder(crossing).sum())
    frames = ""
    if in_folder > FEW:
        frames = f" ({in_folder} of them in one folder, as frames of a video or photos of a person are)"
    sentence = (
        f"{_pairs(crossing, identical=False)} in different groups (group_by {group_by}), "
        f"{len(crossing) / len(near):.0%} of near-duplicates{frames}: "
        "one may be trained on and the other tested; group_by auto joins them"
    )
    return _finding("group", False, "warning", sentence, crossing)


def _frames_in_folders(table: pd.DataFrame, group_by: str, num_images: int) -> Finding | None:
    """Say where groups hang on near-duplicates alone although folders hold many of them, as of videos."""
    first, joining = rules(group_by)
    near = table[table["kind"] != IDENTICAL]
    near = near[_in_one_folder(near)]
    taking_part = len({*near["first"], *near["second"]})
    if first not in ("none", "basename") or "near" not in joining:
        return None
    if len(near) <= FEW or taking_part < MANY * num_images:
        return None
    sentence = (
        f"{taking_part} of {num_images} images have a near-duplicate in their own folder, as frames of a "
        f"video or photos of a person do: group_by {group_by} joins only those that are alike; put each "
        "video or person into a folder and use group_by folder, or a column of manifest.csv that names it"
    )
    return Finding("near_in_folders", "warning", sentence, _cases(near, "group"))


def _in_one_folder(links: pd.DataFrame) -> "pd.Series[bool]":
    first, second = (links[end].map(lambda path: path.rpartition("/")[0]) for end in ("first", "second"))
    return first == second


def _splits(rows: pd.DataFrame, links: pd.DataFrame, identical: bool, protocol: str) -> Finding | None:
    crossing = _crossing(links[(links["first_split"] != "") & (links["second_split"] != "")], "split")
    if crossing.empty:
        return None
    where = " and ".join(sorted({*crossing["first_split"], *crossing["second_split"]}))
    joined = _joined(crossing)
    many = f"{_pairs(crossing, identical=identical)} in different splits of the data set's own ({where})"
    if protocol == "official":
        return _official_splits(rows, crossing, identical, many)
    sentence = (
        f"{many}; under protocol {protocol} each pair is one group, so no fold has it on both sides, "
        "and protocol official would score images that were trained on"
    )
    if not joined:
        sentence = f"{many}; {_kept(joined)}"
    return _finding("split", identical, "warning", sentence, crossing)


def _within(links: pd.DataFrame, identical: bool) -> Finding | None:
    """Links that cross nothing: harmless for a score, but the images count twice."""
    for aspect in _ASPECTS:
        links = links[links[f"first_{aspect}"] == links[f"second_{aspect}"]]
    if links.empty:
        return None
    sentence = f"{_pairs(links, identical=identical)}, of one class, source and group: they count twice"
    name = "identical_files" if identical else "near_duplicates"
    return Finding(name, "note", sentence, _cases(links, "group"))


_WAY_OUT = "use group_by auto under protocol cv"


def _official_splits(rows: pd.DataFrame, crossing: pd.DataFrame, identical: bool, many: str) -> Finding:
    """Under protocol official: refused where a group is trained on and scored, as the run itself would."""
    labelled = rows[rows["label"] != UNLABELLED]
    scored = "test" if (labelled["split"] == "test").any() else "val"
    train_groups, scored_groups = (
        set(labelled.loc[labelled["split"] == split, "group"]) for split in ("train", scored)
    )
    divided = train_groups & scored_groups
    leaks = f"{many}: the score would be of images that were trained on; remove them from one of the two"
    if crossing["first_group"].isin(divided).any() or crossing["second_group"].isin(divided).any():
        sentence = f"{leaks}, or use protocol cv, which deals by group"
        return _finding("split", identical, "error", sentence, crossing)
    between = [
        {one, other} for one, other in zip(crossing["first_split"], crossing["second_split"], strict=True)
    ]
    if {"train", scored} in between and not _joined(crossing):
        return _finding("split", identical, "warning", f"{leaks}, or {_WAY_OUT}", crossing)
    sentence = f"{many}; protocol official trains on train and scores {scored}, and no pair is in both"
    return _finding("split", identical, "note", sentence, crossing)


def _joined(links: pd.DataFrame) -> bool:
    return bool((links["first_group"] == links["second_group"]).all())


def _kept(joined: bool) -> str:
    if joined:
        return "each pair is one group, so no fold has it on both sides"
    return f"they are not joined, so a fold may train on one and test the other: {_WAY_OUT}"


def _pairs(links: pd.DataFrame, *, identical: bool) -> str:
    count = len(links)
    if identical:
        return "1 pair of identical files is" if count == 1 else f"{count} pairs of identical files are"
    if count == 1:
        return "1 pair of images is two versions of one picture"
    return f"{count} pairs of images are versions of one picture"


def _crossing(links: pd.DataFrame, aspect: str) -> pd.DataFrame:
    return links[links[f"first_{aspect}"] != links[f"second_{aspect}"]]


def _finding(aspect: str, identical: bool, severity: Severity, sentence: str, links: pd.DataFrame) -> Finding:
    kind = "identical" if identical else "near"
    return Finding(f"{kind}_across_{aspect}s", severity, sentence, _cases(links, aspect))


def _cases(links: pd.DataFrame, aspect: str) -> tuple[Case, ...]:
    columns = [*LINK_COLUMNS, f"first_{aspect}", f"second_{aspect}"]
    return tuple(
        {str(name): value for name, value in row.items()} for row in links[columns].to_dict("records")
    )


def _with_aspects(rows: pd.DataFrame, links: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    names = {label: name for label, name in enumerate(classes)}
    aspects = rows.set_index("path")[list(_ASPECTS)].assign(
        label=[names.get(label, "unlabelled") for label in rows["label"]]
    )
    table = links.reset_index(drop=True)
    for end in ("first", "second"):
        of_end = aspects.reindex(table[end]).reset_index(drop=True).add_prefix(f"{end}_")
        table = pd.concat([table, of_end], axis=1)
    # An image without a label is no contradiction to one with a label.
    unlabelled = (table["first_label"] == "unlabelled") | (table["second_label"] == "unlabelled")
    for aspect in ("label", "source"):
        table.loc[unlabelled, f"second_{aspect}"] = table.loc[unlabelled, f"first_{aspect}"]
    return table
