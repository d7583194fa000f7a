"""Findings about a data folder and the finished runs on it: the one place where checks are put together.

Unusable files, leakage (`leakage`), shortcuts on the folds that a run would have (`data_gate`), and, with a
results folder, whether finished runs kept training and test apart (`finished_runs`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from orchestrator.checks.data_gate import check_folder
from orchestrator.checks.finished_runs import verify_runs
from orchestrator.checks.held_out import held_out_findings
from orchestrator.checks.shortcuts import found_text, leaks_text, refusal
from orchestrator.config.experiment import DEFAULT_MAX_UNUSABLE
from orchestrator.plan.data_sets import scan_memory
from orchestrator.store.folder import Store
from trainables.data.checks.findings import Case, Finding, worst_first
from trainables.data.checks.leakage import find_leakage
from trainables.data.dataset.manifest import Manifest, manifest_links, refuse_unusable, scan
from trainables.errors import InputError
from trainables.progress import OpenBar
from trainables.recipe import RecipeKeys

EXIT_CLEAN, EXIT_RUN_FAILS, EXIT_REFUSED = 0, 1, 2
RUN_PREFIX = "run_"
PROTOCOLS = ("cv", "holdout", "official")


@dataclass(frozen=True, slots=True)
class DataCheck:
    """A data folder, and what was found about it and the runs on it, the gravest first."""

    manifest: Manifest
    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """The exit code that says so to a script."""
        return exit_code(self.findings)

    @property
    def verdict(self) -> str:
        """The outcome in one sentence."""
        if self.exit_code == EXIT_REFUSED:
            return "Refused: a run on this data would not start."
        if self.exit_code == EXIT_RUN_FAILS:
            return "A finished run fails its verification: its scores can't be trusted."
        warnings = sum(finding.severity == "warning" for finding in self.findings)
        counted = {0: "no warnings", 1: "1 warning"}.get(warnings, f"{warnings} warnings")
        return f"Nothing against a run on this data ({counted})."


def check_data(
    folder: Path,
    *,
    layout: str,
    group_by: str,
    real_sources: Sequence[str],
    follow_links: bool = False,
    protocol: str,
    store: Store | None,
    phase: str | None,
    bar: OpenBar,
    max_unusable: float = DEFAULT_MAX_UNUSABLE,
) -> DataCheck:
    """Look for what would mislead a study on a data folder.

    Args:
        folder: the data folder; files that can't be used are a finding, not an error.
        layout: one of LAYOUTS, or auto.
        group_by: how images are grouped.
        real_sources: names of folders or labels that are real; none: by the words of the names.
        follow_links: read what links lead to outside the folder, too.
        protocol: cv, holdout or official: what is to be run.
        store: the results folder whose runs are verified and whose caches are used, if there is one.
        phase: verify this phase alone.
        bar: opens a progress bar with a title.
        max_unusable: the share of files that a run would do without.

    Raises:
        InputError: the folder can't be read, there is no such protocol, or no run to verify.
    """
    if protocol not in PROTOCOLS:
        raise InputError(f"--protocol {protocol}: {', '.join(PROTOCOLS[:-1])} or {PROTOCOLS[-1]}")
    memory = scan_memory(store, folder) if store is not None and store.root.is_dir() else None
    with bar("Reading images") as progress:
        manifest = scan(
            folder,
            layout=layout,
            group_by=group_by,
            real_sources=real_sources,
            follow_links=follow_links,
            max_unusable=1.0,
            memory=memory,
            progress=progress,
        )
        links = manifest_links(manifest, memory=memory, progress=progress)
    findings = [*_left_out(manifest, max_unusable), *_leakage(manifest, links, protocol)]
    is_refused = any(finding.severity == "error" for finding in findings)
    findings += _shortcuts(manifest, protocol=protocol, store=store, bar=bar, is_refused=is_refused)
    if store is not None:
        findings += held_out_findings(store, manifest)
        findings += verify_runs(store, manifest, links, phase=phase)
    return DataCheck(manifest, tuple(worst_first(findings)))


def exit_code(findings: Sequence[Finding]) -> int:
    """Return 2 when a run on this data is refused, else 1 when a finished run fails, else 0."""
    errors = [finding.name for finding in findings if finding.severity == "error"]
    if any(not name.startswith(RUN_PREFIX) for name in errors):
        return EXIT_REFUSED
    return EXIT_RUN_FAILS if errors else EXIT_CLEAN


def _left_out(manifest: Manifest, max_unusable: float) -> list[Finding]:
    count = len(manifest.excluded)
    if not count:
        return []
    total = count + len(manifest.rows)
    sentence = f"{count} of {total} files can't be used ({count / total:.1%}) and are left out"
    rows = zip(manifest.excluded["path"], manifest.excluded["reason"], strict=True)
    cases: tuple[Case, ...] = tuple({"path": path, "reason": reason} for path, reason in rows)
    try:
        refuse_unusable(
            manifest.root, manifest.excluded, num_usable=len(manifest.rows), max_unusable=max_unusable
        )
    except InputError as error:
        return [Finding("unusable_files", "error", str(error), cases)]
    return [Finding("unusable_files", "warning", sentence, cases)]


def _leakage(manifest: Manifest, links: pd.DataFrame, protocol: str) -> list[Finding]:
    return find_leakage(
        manifest.rows, links, group_by=manifest.group_by, classes=manifest.classes, protocol=protocol
    )


def _shortcuts(
    manifest: Manifest, *, protocol: str, store: Store | None, bar: OpenBar, is_refused: bool
) -> list[Finding]:
    """Say how far file facts and trivial pixels get on the folds that a run would have.

    Data that can't have folds is an error, which is said unless the data is refused already.
    """
    recipe = RecipeKeys.model_validate({"protocol": protocol})
    try:
        record = check_folder(manifest, recipe, store=store, bar=bar)
    except InputError as error:
        return [] if is_refused else [Finding("no_folds", "error", str(error))]
    cases: tuple[Case, ...] = tuple({"fact": fact, "AUC alone": auc} for fact, auc in record.leaks)
    if record.verdict == "refused":
        return [Finding("shortcut", "error", refusal(record, root=str(manifest.root)), cases)]
    said = found_text(record)
    if record.verdict == "uncertain":
        sentence = f"{said}, by {leaks_text(record)}; too few images to tell a shortcut from chance"
        return [Finding("shortcut", "warning", sentence, cases)]
    return [Finding("shortcut", "note", said)]
