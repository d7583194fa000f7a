"""Pixel caches built ahead of the trials that read them."""

from rich.console import Console

from orchestrator.console import progress_bar
from orchestrator.plan.plan import Options, StudyPlan
from orchestrator.store.caches import image_caches
from trainables.data.images.inspection import num_workers
from trainables.trial_inputs import prepare_pixels


def build_pixels(study: StudyPlan, options: Options, console: Console) -> None:
    """Build the caches that this machine's workers will need; on other nodes each builds its own."""
    for name in dict.fromkeys(trial.experiment for trial in study.missing()):
        planned = study.experiment(name)
        for rows in planned.rows[:1]:
            with progress_bar(console, "Preparing pixels", quiet=options.quiet) as progress:
                prepare_pixels(
                    rows,
                    planned.experiment.recipe_keys(),
                    root=planned.manifest.root,
                    caches=image_caches(study.store),
                    num_threads=max(planned.experiment.num_workers, num_workers()),
                    progress=progress,
                )
