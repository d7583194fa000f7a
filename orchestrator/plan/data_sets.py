"""The data folders of one command: each scanned once, its rows and folds dealt once."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from orchestrator.config.experiment import Experiment
from orchestrator.config.generated import DataFacts
from orchestrator.plan import identity
from orchestrator.plan.held_out import HeldOut, find_held_out
from orchestrator.plan.trial_tables import TrialTables
from orchestrator.store.fingerprint import fingerprint
from orchestrator.store.folder import Store
from orchestrator.store.remote.data_copy import data_folder
from orchestrator.store.remote.local_copy import local_folder
from trainables.data.dataset.layouts import UNLABELLED, Listing
from trainables.data.dataset.manifest import Manifest, forget_file, scan
from trainables.data.dataset.recognition import list_images
from trainables.data.splits.trial_rows import experiment_rows
from trainables.errors import ChangedFileError
from trainables.progress import OnProgress

FAKE = 1


@dataclass(slots=True)
class DataSets:
    """The data folders of one command, each scanned once; their rows and folds, each dealt once."""

    store: Store
    override: Path | None = None
    progress: OnProgress | None = None
    trial_tables: TrialTables = field(default_factory=TrialTables)
    _fetched: set[Path] = field(default_factory=set)
    _listings: dict[Any, Listing] = field(default_factory=dict)
    _manifests: dict[Any, Manifest] = field(default_factory=dict)
    _rows: dict[Any, pd.DataFrame] = field(default_factory=dict)
    _facts: dict[int, DataFacts] = field(default_factory=dict)
    _held_out: dict[tuple[int, float | None, int], HeldOut | None] = field(default_factory=dict)

    def root(self, experiment: Experiment) -> Path:
        """Return the experiment's data folder."""
        return self.override or local_folder(experiment.data_dir, "data")

    def listing(self, experiment: Experiment) -> Listing:
        """List the files of the experiment's data folder, which is fetched if it is remote."""
        arguments = (
            self.root(experiment),
            experiment.layout,
            experiment.real_sources,
            experiment.follow_links,
        )
        if arguments not in self._listings:
            root, layout, real_sources, follow_links = arguments
            if root not in self._fetched:
                self._fetched.add(data_folder(root, progress=self.progress))
            self._listings[arguments] = list_images(
                root, layout=layout, real_sources=real_sources, follow_links=follow_links
            )
        return self._listings[arguments]

    def manifest(self, experiment: Experiment) -> Manifest:
        """Scan the experiment's data folder."""
        root = self.root(experiment)
        arguments = (
            root,
            experiment.layout,
            experiment.group_by,
            experiment.real_sources,
            experiment.follow_links,
            experiment.max_unusable,
        )
        if arguments not in self._manifests:
            self._manifests[arguments] = scan(
                root,
                layout=experiment.layout,
                group_by=experiment.group_by,
                real_sources=experiment.real_sources,
                follow_links=experiment.follow_links,
                listing=self.listing(experiment),
                max_unusable=experiment.max_unusable,
                memory=scan_memory(self.store, root),
                progress=self.progress,
            )
        return self._manifests[arguments]

    def facts(self, experiment: Experiment) -> DataFacts:
        """Say what a phase has to know of the experiment's data before it is complete."""
        manifest = self.manifest(experiment)
        if id(manifest) in self._facts:
            return self._facts[id(manifest)]
        labelled = manifest.rows[manifest.rows["label"] != UNLABELLED]
        fakes = labelled.loc[labelled["label"] == FAKE, "source"]
        found = self._facts[id(manifest)] = DataFacts(
            root=str(manifest.root),
            fingerprint=identity.data_fingerprint(manifest.rows),
            num_classes=len(manifest.classes),
            sources=tuple(sorted(set(labelled["source"]))),
            fake_sources=tuple(sorted(set(fakes))),
        )
        return found

    def rows(self, experiment: Experiment, manifest: Manifest, repeat: int) -> pd.DataFrame:
        """Return the rows that the experiment uses, with folds."""
        recipe = experiment.recipe_keys()
        sources = (recipe.train_sources, recipe.eval_sources)
        folds = (recipe.protocol, recipe.cv_folds, recipe.test_ratio, recipe.holdout_final)
        arguments = (id(manifest), recipe.seed, folds, recipe.subsample, sources, repeat)
        if arguments not in self._rows:
            apart = self.held_out(experiment)
            self._rows[arguments] = experiment_rows(
                manifest,
                recipe,
                repeat=repeat,
                held_out=frozenset(apart.rows["group"]) if apart is not None else (),
            )
        return self._rows[arguments]

    def held_out(self, experiment: Experiment) -> HeldOut | None:
        """Return the images that the experiment holds out for the end of the study; None = none."""
        manifest, recipe = self.manifest(experiment), experiment.recipe_keys()
        arguments = (id(manifest), recipe.holdout_final, recipe.seed)
        if arguments not in self._held_out:
            data = self.facts(experiment).fingerprint if recipe.holdout_final else ""
            self._held_out[arguments] = find_held_out(self.store, manifest, recipe, data=data)
        return self._held_out[arguments]


def scan_memory(store: Store, root: Path) -> Path:
    """Name the file that keeps what was found in the data folder `root`; near-duplicates lie beside it."""
    return store.cached("scans", f"{fingerprint(str(root.resolve()))[:16]}.memo")


def look_again(store: Store, changed: ChangedFileError) -> None:
    """Have the next scan open a file again that was not what the last one found, whatever it looks like."""
    path = changed.path.absolute()
    for root in path.parents:
        forget_file(scan_memory(store, root), path.relative_to(root).as_posix())
