"""Checklist of the study's plan: each point, and what has to be there for it to count as done.

The plan is that of a study of four phases (phase1 to phase4). Its lists of an analysis (1.4, 2.6, 3.4, 4.2 to
4.4) and of the notebook of the same phase (5.3 to 5.6) ask for the same, and stand here once.
"""

from dataclasses import dataclass
from typing import Literal

EvidenceKind = Literal["section", "table", "file"]


@dataclass(frozen=True, slots=True)
class EvidencePlace:
    """A thing that shows that a point is done.

    A `section` of the page of `phase` by its anchor, a `table` of that phase with at least one row, or a
    `file` below results/ by a glob pattern.
    """

    kind: EvidenceKind
    name: str
    phase: str = ""


@dataclass(frozen=True, slots=True)
class ChecklistItem:
    """A point of the plan. All `evidence` has to be there.

    `is_asked` is False where the plan calls it optional or withdrew it: without evidence it was not asked.
    """

    text: str
    evidence: tuple[EvidencePlace, ...]
    is_asked: bool = True


@dataclass(frozen=True, slots=True)
class ChecklistPart:
    """Points that stand together, and the phase that they are about; "" = the whole study."""

    title: str
    items: tuple[ChecklistItem, ...]
    phase: str = ""


def checklist() -> tuple[ChecklistPart, ...]:
    """Return the plan's checklist in its order."""
    return (_phase1(), _phase2(), _phase3(), _phase4(), _images(), _preparation(), _deep_dive(), _report())


def _point(text: str, *found: str, phase: str = "", is_asked: bool = True) -> ChecklistItem:
    """Build a point from short evidence: #anchor, table.csv, or anything else as a pattern of files."""
    return ChecklistItem(text, tuple(_evidence(each, phase) for each in found), is_asked)


def _evidence(said: str, phase: str) -> EvidencePlace:
    if said.startswith("#"):
        return EvidencePlace("section", said[1:], phase)
    if said.endswith(".csv") and "/" not in said:
        return EvidencePlace("table", said.removesuffix(".csv"), phase)
    return EvidencePlace("file", said, phase)


def _scores(phase: str) -> tuple[ChecklistItem, ...]:
    """Build the points that every phase has."""
    return (
        _point(
            "Overall metrics (AUC, accuracy, F1) with mean ± std and confidence intervals",
            "#scores", "summary.csv", phase=phase,
        ),
        _point("Metrics by source of fakes", "#sources", "per_source.csv", phase=phase),
        _point("Statistical significance", "#comparison", "comparisons.csv", phase=phase),
        _point("Grad-CAM pictures (10 to 20 per model)", f"explanations/{phase}/numbers.csv", phase=phase),
    )  # fmt: skip


def _phase1() -> ChecklistPart:
    phase = "phase1"
    return ChecklistPart(
        "1.4 and 5.3 Analysis of phase 1",
        (
            _point("SimpleCNN against ResNet-18", "#answer", "comparisons.csv", phase=phase),
            *_scores(phase),
            _point("Curves of training and validation, with the test scores", "#learning", phase=phase),
            _point("Confusion matrices", "#confusion", "confusion.csv", phase=phase),
            _point(
                "Conclusion: which baseline is better, and why",
                "#answer", f"decisions/{phase}.json", phase=phase,
            ),
        ),
        phase,
    )  # fmt: skip


def _phase2() -> ChecklistPart:
    phase = "phase2"
    return ChecklistPart(
        "2.6 and 5.4 Analysis of phase 2",
        (
            *_scores(phase),
            _point("Gap between training and validation", "#overview", "overview.csv", phase=phase),
            _point("Variance of the AUC over pairs of sources", "pairwise_sources.csv", phase=phase),
            _point(
                "Pictures that compare: bars and heat maps",
                f"reports/{phase}/figures/source-bars-*.svg", f"reports/{phase}/figures/sources-*.svg",
                phase=phase,
            ),
            _point(
                "ImageNet’s normalisation against that of real images alone (colour as a shortcut)",
                "#questions", "source_gains.csv", phase=phase,
            ),
            _point("Evidence on geometry", phase=phase, is_asked=False),
            _point(
                "Sources held out: AUC on them, Δ to the in-source AUC, and a table",
                "#source-matrix", "holdout.csv", "source_matrix.csv", phase=phase,
            ),
            _point("Does one source gain more from a choice?", "source_gains.csv", phase=phase),
            _point("Interaction of face crop and augmentation", "interactions.csv", phase=phase),
            _point("Shortcuts (resolution, colour)", "#questions", "shortcuts.csv", phase=phase),
            _point("Is what is learned specific to its sources?", "source_losses.csv", phase=phase),
            _point("Does augmentation help or over-regularise?", "regularisation.csv", phase=phase),
            _point(
                "What models look at, by experiment, outcome and source",
                f"explanations/{phase}/*/*/*/*", phase=phase,
            ),
            _point("One table of all experiments", "#overview", "overview.csv", phase=phase),
            _point(
                "Conclusion of each experiment, and settings for phase 3",
                "#answer", f"decisions/{phase}.json", phase=phase,
            ),
        ),
        phase,
    )  # fmt: skip


def _phase3() -> ChecklistPart:
    phase = "phase3"
    return ChecklistPart(
        "3.4 and 5.5 Analysis of phase 3",
        (
            *_scores(phase),
            _point(
                "Comparison with the baselines of phase 1",
                "#comparison", "#ranking", "ranking.csv", phase=phase,
            ),
            _point("Parameters against performance", "#cost", "pareto.csv", phase=phase),
            _point(
                "Conclusion: which architectures work best, and why",
                "#answer", f"decisions/{phase}.json", phase=phase,
            ),
        ),
        phase,
    )  # fmt: skip


def _phase4() -> ChecklistPart:
    phase = "phase4"
    return ChecklistPart(
        "4.1 to 4.4 and 5.6 Analysis of phase 4",
        (
            _point("Selection of the top models, by stated criteria", "#selection", phase=phase),
            _point("Scaling with the amount of data", "#scaling", "scaling.csv", phase=phase),
            *_scores(phase),
            _point(
                "Hard examples, with pictures",
                "hard_examples.csv", f"explanations/{phase}/hard/*", phase=phase,
            ),
            _point("Distribution of confidence", "#calibration", "calibration.csv", phase=phase),
            _point("One table of all experiments", "#overview", "overview.csv", phase=phase),
            _point(
                "Final comparison and choice", "#answer", f"decisions/{phase}.json", phase=phase
            ),
        ),
        phase,
    )  # fmt: skip


def _images() -> ChecklistPart:
    return ChecklistPart(
        "5.1 The images",
        (
            _point("Counts of real and fake images by source", "#problem", phase="final"),
            _point("Shortcuts in resolution, aspect ratio and format", "checks/*.json"),
            _point("Shortcuts in colour", "checks/*.json", "#traps", phase="final"),
            _point("Samples of each source, colours and spectra", "reports/data*.html"),
            _point("Quality: files kept out, identical files", "#problem", phase="final"),
        ),
    )


def _preparation() -> ChecklistPart:
    return ChecklistPart(
        "5.2 Preparation of the images",
        (
            _point("Face crop and how often a face is found", "cache/faces/*.parquet"),
            _point("Normalisation and augmentation compared", "source_gains.csv", phase="phase2"),
            _point("Splits by group, without overlap", "folds/*.csv", "#protocol", phase="final"),
            _point("Impact of preparation on the scores", "#questions", phase="phase2"),
        ),
    )


def _deep_dive() -> ChecklistPart:
    phases = ("phase1", "phase2", "phase3", "phase4")
    files = [f"explanations/{phase}/numbers.csv" for phase in phases]
    return ChecklistPart(
        "5.7 Grad-CAM across all phases (optional)",
        (_point("Maps of all phases and architectures, with their numbers", *files, is_asked=False),),
    )


def _report() -> ChecklistPart:
    final = "final"
    return ChecklistPart(
        "Final report",
        (
            _point("Results of all phases in one place", "reports/final/index.html"),
            _point("Presentation slides as PDF", "reports/final/slides.pdf"),
            _point("Description of the discriminative solution", "#problem", "#models", phase=final),
            _point("Description of the generative solution", "slides.md"),
            _point(
                "Implementation steps, improvements, and what was decided",
                "#significance", "decisions/*.json", phase=final,
            ),
            _point(
                "Choices of architecture and training motivated",
                "#models", "decisions/*.json", phase=final,
            ),
            _point("Intermediate results, interpreted", "#significance", "#performance", phase=final),
            _point("Classification: experimental set-up and splits", "#protocol", phase=final),
            _point("Classification: metrics, and why these", "#protocol", phase=final),
            _point("Classification: performance", "#performance", phase=final),
            _point("Generated data: set-up, metrics and performance", "slides.md"),
            _point("Discussion of the performance", "#limits", phase=final),
            _point("Final remarks", "#limits", phase=final),
            _point("Self-evaluation", "reports/final/self-evaluation.md"),
        ),
    )  # fmt: skip
