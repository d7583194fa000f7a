"""Sentences about held-out sources: no claim without its test, and nothing missing without its reason."""

import dataclasses
import math

import pytest

from orchestrator.analysis.source_aucs import SourceAuc
from orchestrator.analysis.source_matrix import ChosenSources, HeldOutGap, MatrixCell, SourceMatrix
from orchestrator.analysis.source_spread import LeastBalanced, SourceSpread
from orchestrator.statistics import Interval, PairedTest
from orchestrator.wording.source_matrix import gap_family_sentence, matrix_sentences, no_matrix_sentence
from orchestrator.wording.source_spread import least_balanced_sentence

SOURCES = ("insight", "text2img")


def interval(mean: float, half: float = 0.02) -> Interval:
    return Interval(5, mean, 0.01, mean - half, mean + half, half / 2.8, 4)


def paired(mean: float, p: float, half: float = 0.02) -> PairedTest:
    return PairedTest(interval(mean, half), p)


def cell(source: str, auc: float, gap: float, p_holm: float = 0.01) -> MatrixCell:
    found = SourceAuc(f"no_{source}", source, (((0, 0), auc),), 5, interval(auc), 0.01)
    return MatrixCell(
        f"no_{source}", (source,), found, HeldOutGap(("every",), (auc + gap,), paired(gap, p_holm), p_holm)
    )


def matrix(p: float, *, gaps: tuple[float, float] = (0.2, 0.1)) -> SourceMatrix:
    cells = [cell(source, 0.6 + 0.1 * place, gaps[place], p) for place, source in enumerate(SOURCES)]
    whole = SourceAuc("every", "insight", (), 5, interval(0.9), 0.01)
    return SourceMatrix(
        "every",
        ("every", "no_insight", "no_text2img"),
        SOURCES,
        (MatrixCell("every", (), whole), *cells),
        hardest=ChosenSources(cells[0], cells[1], paired(0.1, p), 3),
        mean_gap=paired(sum(gaps) / 2, p),
        contrast=ChosenSources(cells[0], cells[1], paired(gaps[0] - gaps[1], p), 3),
    )


def test_what_is_shown_is_said_with_interval_and_p() -> None:
    hardest, mean, contrast = matrix_sentences(matrix(0.01))
    assert hardest == (
        "Not trained on, insight is the hardest of 3 sources of fakes: AUC 0.600 (95 % interval 0.580 to "
        "0.620, 5 folds). It is harder than the next (+0.100, 95 % interval +0.080 to +0.120, p = 0.010 "
        "after Holm’s correction over 3 pairs), text2img, AUC 0.700 (95 % interval 0.680 to 0.720, 5 folds)."
    )
    assert mean.startswith(
        "Leaving a source out of training costs 0.150 AUC on it, on average over 2 sources (95 % interval "
        "+0.130 to +0.170, 5 folds, p = 0.010), against every, which was trained on all, on the same "
        "test images."
    )
    assert "The whole interval is above 0.05" in mean
    assert contrast.startswith("The gap depends on the source: it is greater on insight (+0.200) than on")


def test_what_is_not_shown_is_not_denied_either() -> None:
    hardest, mean, contrast = matrix_sentences(matrix(0.4))
    assert "It is not told apart (+0.100" in hardest
    assert mean.startswith("That leaving a source out of training costs AUC on it is not shown")
    assert mean.endswith("Nor is it shown to cost nothing.") and "0.05" not in mean
    assert contrast.startswith("That the gap depends on the source is not shown")


def test_a_gain_is_not_called_a_cost() -> None:
    mean = matrix_sentences(matrix(0.01, gaps=(-0.1, -0.2)))[1]
    assert "gains 0.150 AUC" in mean and "costs" not in mean and "0.05," not in mean


def test_single_gaps_are_counted_with_those_that_could_not_be_tested() -> None:
    found = matrix(0.01)
    lacking = MatrixCell(
        "no_more", ("more",), SourceAuc("no_more", "more", (), 5, None, 0.0), reason="fold 2 failed: why"
    )
    partly = SourceMatrix(found.name, (*found.experiments, "no_more"), SOURCES, (*found.cells, lacking))
    assert gap_family_sentence([partly]).startswith(
        "Taken alone, 2 of 3 held-out cells have a gap that differs from 0, after Holm’s correction over 3 "
        "tests"
    )
    assert matrix_sentences(partly) == (
        "No AUC and gap of no_more (without more) on more: fold 2 failed: why.",
        "Which source is the hardest, and what holding out costs on average, is said when all of them are "
        "complete and were tested on the same images.",
    )
    hardest, *_, last = matrix_sentences(dataclasses.replace(partly, hardest=found.hardest))
    assert "is the hardest" in hardest and last.startswith("What holding out costs on average is said when")
    assert "no gap of 2 held-out cells is shown" in gap_family_sentence([matrix(0.2)])


def test_too_few_folds_are_no_test() -> None:
    hardest, mean = matrix_sentences(matrix(math.nan))
    assert "Too few folds tell it apart from the next, text2img" in hardest
    assert mean.endswith("too few folds for a test.") and gap_family_sentence([matrix(math.nan)]) == ""


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("several classes", "two classes"),
        ("one source", "at least two"),
    ],
)
def test_a_matrix_that_there_is_not_has_a_reason(reason: str, said: str) -> None:
    assert said in no_matrix_sentence(reason)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("p", "said"),
    [(0.01, "It is further apart than"), (0.3, "It is not told apart from"), (math.nan, "Too few folds")],
)
def test_the_least_balanced_is_named_with_its_test(p: float, said: str) -> None:
    first, second = (
        SourceSpread(name, "wiki", (), (), interval(mean)) for name, mean in (("a", 0.2), ("b", 0.1))
    )
    sentence = least_balanced_sentence(LeastBalanced(first, second, paired(0.1, p), 4))
    assert "a is the least balanced" in sentence and said in sentence
    assert ("over 6 pairs" in sentence) == (not math.isnan(p))


def test_without_two_to_compare_it_says_so() -> None:
    assert "takes two complete ones" in least_balanced_sentence(None)
