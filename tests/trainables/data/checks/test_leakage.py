"""The meaning of links for a study: which findings, how grave, and what the sentence promises."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from trainables.data.checks.findings import Finding, worst_first
from trainables.data.checks.leakage import find_leakage, find_split_groups
from trainables.data.dataset.manifest import manifest_links, scan
from trainables.data.duplicates.near_duplicates import LINK_COLUMNS

Row = tuple[str, int, str, str, str]


def leakage(
    rows: Sequence[Row],
    links: Sequence[tuple[str, str, str]],
    *,
    group_by: str = "none+near",
    protocol: str = "cv",
) -> dict[str, Finding]:
    table = pd.DataFrame(rows, columns=["path", "label", "source", "group", "split"])
    found = pd.DataFrame([(*link, 0.95) for link in links], columns=list(LINK_COLUMNS))
    findings = find_leakage(table, found, group_by=group_by, classes=("real", "fake"), protocol=protocol)
    assert len({finding.name for finding in findings}) == len(findings)
    return {finding.name: finding for finding in findings}


A: Row = ("train/real/a", 0, "real", "a", "train")
B: Row = ("val/real/b", 0, "real", "a", "val")
TEST: Row = ("test/fake/t", 1, "fake", "t", "test")


def test_no_links_no_findings() -> None:
    assert leakage([A, B], []) == {}


def test_the_same_file_in_two_own_splits_is_cured_by_groups_and_refused_under_official() -> None:
    link = [(A[0], B[0], "identical")]
    [(name, finding)] = leakage([A, B], link).items()
    assert (name, finding.severity) == ("identical_across_splits", "warning")
    assert "no fold has it on both sides" in finding.sentence and "(train and val)" in finding.sentence
    assert finding.rows == (
        {"first": A[0], "second": B[0], "kind": "identical", "similarity": 0.95}
        | {"first_split": "train", "second_split": "val"},
    )
    [finding] = leakage([A, B], link, protocol="official").values()
    assert finding.severity == "error"
    assert "1 pair of identical files is in different splits" in finding.sentence


def test_under_official_only_what_is_trained_on_and_scored_is_refused() -> None:
    """With a labelled test split, val is not scored; through a third image two splits are connected too."""
    link = [(A[0], B[0], "near")]
    [finding] = leakage([A, B, TEST], link, protocol="official").values()
    assert finding.severity == "note"
    joined = ("test/real/c", 0, "real", "a", "test")
    chain = [*link, (B[0], joined[0], "near")]
    [finding] = leakage([A, B, joined], chain, protocol="official").values()
    assert finding.severity == "error" and len(finding.rows) == 2


def test_an_unlabelled_copy_is_scored_by_nobody_and_contradicts_nobody() -> None:
    hidden = ("test/x", -1, "unlabelled", "a", "test")
    other = ("val/real/b", 0, "real", "b", "val")
    [finding] = leakage([A, other, hidden], [(A[0], hidden[0], "identical")], protocol="official").values()
    assert (finding.name, finding.severity) == ("identical_across_splits", "note")


def test_one_file_with_two_labels_is_a_contradiction_and_an_edited_version_is_not() -> None:
    fake = ("train/fake/f", 1, "fake", "a", "train")
    found = leakage([A, fake], [(A[0], fake[0], "identical")])
    assert found["identical_across_labels"].severity == "warning"
    assert "wrong" in found["identical_across_labels"].sentence
    found = leakage([A, fake], [(A[0], fake[0], "mirrored")])
    assert {name: each.severity for name, each in found.items()} == {"near_across_labels": "note"}
    assert found["near_across_labels"].rows[0]["second_label"] == "fake"


def test_near_duplicates_in_two_groups_are_a_warning_with_the_way_out() -> None:
    other = ("val/real/b", 0, "real", "b", "val")
    found = leakage([A, other], [(A[0], other[0], "near")], group_by="none")
    assert {name: each.severity for name, each in found.items()} == {
        "near_across_groups": "warning",
        "near_across_splits": "warning",
    }
    assert all("group_by auto" in each.sentence for each in found.values())


def test_a_file_in_two_sources_of_one_class_spoils_a_source_holdout() -> None:
    rows: list[Row] = [("t/a", 1, "t", "a", ""), ("u/a", 1, "u", "a", "")]
    [finding] = leakage(rows, [("t/a", "u/a", "identical")], group_by="basename+near").values()
    assert (finding.name, finding.severity) == ("identical_across_sources", "warning")
    [finding] = leakage(rows, [("t/a", "u/a", "near")], group_by="basename").values()
    assert (finding.name, finding.severity) == ("near_across_sources", "note")


def test_copies_within_one_class_source_and_split_are_a_note() -> None:
    rows: list[Row] = [("t/a", 1, "t", "a", ""), ("t/b", 1, "t", "a", ""), ("t/c", 1, "t", "a", "")]
    found = leakage(rows, [("t/a", "t/b", "identical"), ("t/a", "t/c", "near")])
    assert {name: each.severity for name, each in found.items()} == {
        "identical_files": "note",
        "near_duplicates": "note",
    }


def test_the_gravest_come_first() -> None:
    findings = [
        Finding("n", "note", "."),
        Finding("w", "warning", "."),
        Finding("e", "error", "This is bad."),
    ]
    assert [finding.name for finding in worst_first(findings)] == ["e", "w", "n"]


def made_videos(root: Path) -> Path:
    """Six videos of a drifting pattern, three real and three fake, five frames in a folder each."""
    across = np.linspace(0.0, 2 * np.pi, 32)
    for number in range(6):
        phases = np.random.default_rng(number).uniform(0.0, 6.0, (4, 3))
        folder = root / ("real", "fake")[number % 2] / f"video{number}"
        folder.mkdir(parents=True)
        for frame in range(5):
            waves = [
                np.sin((k + 1) * across[:, None] + a + 0.02 * frame) * np.cos((k + b) * across[None, :] + c)
                for k, (a, b, c) in enumerate(phases)
            ]
            pixels = np.clip(127 + 40 * sum(waves), 0, 255).astype(np.uint8)
            Image.fromarray(np.repeat(pixels[:, :, None], 3, axis=2)).save(folder / f"{frame:03d}.png")
    return root


@pytest.mark.slow
def test_frames_that_are_no_groups_are_said_with_their_share_and_the_way_out(tmp_path: Path) -> None:
    """Catches frames of one video on two sides without a word, where groups are not asked for."""
    root = made_videos(tmp_path)
    grouped, alone = scan(root), scan(root, group_by="none")
    assert grouped.group_by == "folder+near" and find_split_groups(grouped, manifest_links(grouped)) == []
    [finding] = find_split_groups(alone, manifest_links(alone))
    assert finding.name == "near_across_groups" and len(finding.rows) > 12
    assert "(group_by none), 100% of near-duplicates" in finding.sentence
    assert "of them in one folder, as frames of a video" in finding.sentence
    assert finding.sentence.endswith("group_by auto joins them")
    flat = find_split_groups(replace(alone, group_by="none+near"), manifest_links(alone))
    assert [each.name for each in flat] == ["near_across_groups", "near_in_folders"]
