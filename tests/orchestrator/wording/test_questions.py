"""Questions of a study in sentences: claims stand on an interval, and what is not shown is called so."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import pytest

from orchestrator.analysis.choices import Choice
from orchestrator.analysis.contrasts import Contrast
from orchestrator.analysis.interactions import Interaction, Quartet
from orchestrator.analysis.questions import QuestionNumbers
from orchestrator.analysis.regularisation import Changed, Regularisation
from orchestrator.analysis.settings import Setting
from orchestrator.analysis.shortcut_evidence import ShortcutEvidence
from orchestrator.analysis.source_gains import ChoiceGain, SourceEase, SourceGain
from orchestrator.analysis.source_losses import SourceLoss, SourceLosses
from orchestrator.store.records import CheckScores
from orchestrator.wording.questions import (
    gain_sentence,
    interaction_sentences,
    phase_answers,
    source_sentences,
)

UP = Contrast(5, 0.08, 0.02, 0.04, 0.12, 0.004, 0.012, degrees=4)
DOWN = Contrast(5, -0.08, 0.02, -0.12, -0.04, 0.004, 0.012, degrees=4)
NONE = Contrast(5, 0.02, 0.04, -0.03, 0.07, 0.3, 0.9)
EQUAL = Contrast(5, 0.001, 0.002, -0.004, 0.006, 0.6, 0.6)
LACKING = Contrast(3, reason="b: fold 3 failed: the loss is nan")
SIZES = Choice(("image_size",), (16,), (32,), (("a", "b"),), "auc", 0.01)


def gain(found: Contrast, choice: Choice = SIZES, sources: tuple[SourceGain, ...] = ()) -> ChoiceGain:
    is_known = not math.isnan(found.mean)
    return ChoiceGain(choice, 0.8, 0.88 if is_known else math.nan, found, sources)


def of_source(name: str, above: Contrast, gained: Contrast = UP) -> SourceGain:
    return SourceGain(name, 0.8, 0.88, gained, above)


def answers(**numbers: Any) -> Mapping[str, str]:
    return {each.question: " ".join(each.sentences) for each in phase_answers(QuestionNumbers(**numbers))}


def test_nothing_to_answer_has_no_question() -> None:
    assert phase_answers(QuestionNumbers()) == ()


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (UP, "helps"),
        (DOWN, "costs score"),
        # A comparison of the two would be undecided.
        (
            Contrast(5, 0.012, 0.004, 0.004, 0.020, 0.01, 0.02, degrees=4),
            "helps, though not surely by more than 0.01",
        ),
        (NONE, "is not shown to matter"),
        (EQUAL, "makes practically no difference (within ±0.01)"),
        # Seen alone it is significant; as one of a family it is not.
        (dataclasses.replace(UP, p_holm=0.06), "is not shown to matter"),
    ],
)
def test_a_gain_is_claimed_as_far_as_it_is_shown(found: Contrast, word: str) -> None:
    assert gain_sentence(gain(found)).startswith(f"image_size 16 → 32 {word}: AUC 0.800 → 0.880, gain ")


def test_a_gain_carries_its_interval_and_both_p_values() -> None:
    assert gain_sentence(gain(UP)).endswith(
        "gain +0.080 (95 % interval +0.040 to +0.120, p = 0.004, Holm-corrected p = 0.012, 5 folds)."
    )
    assert gain_sentence(gain(LACKING)) == (
        "image_size 16 → 32: not answered, because b: fold 3 failed: the loss is nan."
    )


def test_of_many_choices_those_shown_are_named_first() -> None:
    crop = dataclasses.replace(SIZES, keys=("face_crop",), before=(False,), after=(True,))
    said = answers(gains=(gain(NONE), gain(DOWN, crop)))["Which choices matter?"]
    assert said.startswith("Of 2 choices 1 is shown to matter on the test folds: face_crop (for the worse).")
    none = answers(gains=(gain(NONE), gain(EQUAL, crop)))["Which choices matter?"]
    assert none.startswith(
        "Of 2 choices none is shown to matter on the test folds; any of them may all the same."
    )
    assert answers(gains=(gain(UP),))["Which choices matter?"].startswith("image_size 16 → 32 helps")


def test_a_source_gains_more_only_where_its_own_test_says_so() -> None:
    """Catches a claim by the source's gain alone, which every source may have."""
    grid, others = of_source("text2img", UP), of_source("insight", NONE)
    (said,) = source_sentences(gain(UP, sources=(grid, others, of_source("inpainting", NONE))))
    assert said.startswith("image_size 16 → 32: text2img gains more than the other sources: its AUC 0.800")
    (less,) = source_sentences(gain(UP, sources=(of_source("x", DOWN), others, of_source("y", NONE))))
    assert "x gains less than the other sources" in less
    (none,) = source_sentences(
        gain(UP, sources=(others, of_source("inpainting", EQUAL), of_source("c", EQUAL)))
    )
    assert "no source is shown to gain more or less than the others" in none and "insight" in none


def test_a_source_that_loses_less_is_not_said_to_gain() -> None:
    others = (of_source("b", NONE), of_source("c", NONE))
    (less,) = source_sentences(gain(DOWN, sources=(of_source("a", UP, DOWN), *others)))
    assert ": a loses less than the other sources: " in less
    (more,) = source_sentences(gain(DOWN, sources=(of_source("a", DOWN, DOWN), *others)))
    assert ": a loses more than the other sources: " in more


def test_of_many_sources_the_hardest_is_named_too() -> None:
    """Catches the easiest four of seven, and a rest that nobody hears of."""
    apart = [dataclasses.replace(UP, mean=mean) for mean in (0.05, 0.04, 0.03, 0.02, 0.01, -0.15)]
    found = tuple(SourceEase(f"s{place}", 1, 0.9 - place / 10, each) for place, each in enumerate(apart))
    (said,) = answers(ease=found).values()
    assert "s5 is harder to find" in said and "s0 is easier to find" in said and "s4 is" not in said
    assert "2 more sources that are shown to be easier or harder are in tables/source_ease.csv." in said


def test_an_easy_source_is_named_and_the_others_are_not_called_alike() -> None:
    found = (SourceEase("a", 3, 0.9, UP), SourceEase("b", 3, 0.7, DOWN), SourceEase("c", 3, 0.8, NONE))
    (said,) = answers(ease=found).values()
    assert said.startswith("a is easier to find than the other sources: mean AUC 0.900")
    assert "b is harder to find" in said
    assert "Not shown to be easier or harder than the others, by mean AUC: c 0.800." in said


def crossed(found: Contrast, *quartets: Quartet) -> Interaction:
    changes = (False, True), (False, {"hflip_p": 0.5})
    return Interaction("face_crop", "augment", *changes, "auc", NONE, UP, found, quartets)


@pytest.mark.parametrize(
    ("found", "word"),
    [
        (UP, "together they gain more than each alone adds up to"),
        (DOWN, "together they gain less than each alone adds up to"),
        (NONE, "no interaction is shown"),
    ],
)
def test_an_interaction_is_claimed_as_far_as_it_is_shown(found: Contrast, word: str) -> None:
    quartet = Quartet("w", "x", "y", "z", (), found)
    (said,) = interaction_sentences(crossed(found, quartet))
    assert said.startswith(
        f"face_crop off → on with augment off → on: {word}. AUC gains +0.020 from the first without the "
        "second and +0.080 with it; difference of the gains "
    )


def test_models_are_told_each_beside_their_mean() -> None:
    quartets = [
        Quartet("w", "x", "y", "z", (Setting("backbone", model, model),), found)
        for model, found in (("simple_cnn", UP), ("resnet18", LACKING))
    ]
    lead, each = interaction_sentences(crossed(UP, *quartets))
    assert lead.endswith(", mean over 2 quartets of experiments.")
    assert each.startswith("Each alone: simple_cnn +0.080 (95 %")
    assert each.endswith("resnet18 b: fold 3 failed: the loss is nan.")


def scores(mean: float, low: float, high: float) -> CheckScores:
    return CheckScores(n=5, mean=mean, std=0.01, ci_low=low, ci_high=high)


def evidence(**values: Any) -> ShortcutEvidence:
    usual: dict[str, Any] = {
        "file_facts": scores(0.5, 0.49, 0.51), "trivial_pixels": scores(0.9, 0.82, 0.94),
        "size_alone": ("width", 0.5), "one_size": (160, 160),
    }  # fmt: skip
    return ShortcutEvidence(**{**usual, **values})


def resolution(found: ShortcutEvidence | None, above: Contrast = NONE, choice: Choice = SIZES) -> str:
    sources = (of_source("text2img", above), of_source("insight", NONE), of_source("c", NONE))
    known = {} if found is None else {"image_size": found}
    said = answers(gains=(gain(UP, choice, sources),), evidence=known)
    (mine,) = (text for question, text in said.items() if question.startswith("Is resolution a shortcut"))
    return mine


def test_what_a_small_size_hides_is_said_of_the_source_that_gains() -> None:
    said = resolution(evidence(), UP)
    assert "From 16 to 32 px text2img gains more than the other sources" in said
    assert "an artefact that 16 px average away" in said
    assert "No source is shown to gain more" in resolution(evidence())
    # The other way round it is the smaller size that the source gains from: nothing is hidden by it.
    down = dataclasses.replace(SIZES, before=(32,), after=(16,))
    assert "No source is shown to gain more than the others from the larger size" in resolution(
        evidence(), UP, down
    )


def test_a_size_that_was_asked_downwards_is_told_upwards() -> None:
    down = dataclasses.replace(SIZES, before=(32,), after=(16,))
    said = resolution(evidence(), DOWN, down)
    assert "From 16 to 32 px text2img gains more than the other sources (difference +0.080" in said


def test_sizes_of_files_are_a_shortcut_only_where_they_tell_the_classes_apart() -> None:
    assert "All images are 160 × 160 px, so that their size can’t give the classes away" in resolution(
        evidence()
    )
    leaking = evidence(one_size=None, size_alone=("width", 0.83), file_facts=scores(0.9, 0.8, 0.95))
    assert "width alone tells the classes apart best, with AUC 0.830" in resolution(leaking)
    assert "a gain with size may be the shortcut’s" in resolution(leaking)
    assert "No check of file facts was made" in resolution(None)


def test_colour_is_not_cleared_by_equal_scores() -> None:
    choice = dataclasses.replace(SIZES, keys=("normalization",), before=("imagenet",), after=("real_norm",))
    said = answers(gains=(gain(EQUAL, choice),), evidence={"normalization": evidence()})
    (text,) = (each for question, each in said.items() if question.startswith("Is colour a shortcut"))
    assert text.startswith("The change makes practically no difference")
    assert "there is something of this kind to be learnt" in text and "do not rule colour out" in text
    clean = answers(
        gains=(gain(EQUAL, choice),),
        evidence={"normalization": evidence(trivial_pixels=scores(0.55, 0.45, 0.64))},
    )
    (text,) = (each for question, each in clean.items() if question.startswith("Is colour a shortcut"))
    assert "not shown to be above chance" in text


@pytest.mark.parametrize(
    ("bounds", "word"),
    [
        ((0.11, 0.20), "strongly source-specific: "),
        ((0.06, 0.20), "source-specific: "),
        ((0.04, 0.20), "not shown: "),
        ((-0.02, 0.049), "generalises: "),
        ((-0.02, 0.05), "not shown: "),
    ],
)
def test_a_loss_is_graded_by_its_whole_interval(bounds: tuple[float, float], word: str) -> None:
    """Catches a grade by the mean alone, which is above 0.10 in four of these five."""
    low, high = bounds
    loss = Contrast(5, 0.12, 0.03, low, high, 0.01, 0.01)
    losses = SourceLosses((SourceLoss("h", "a", loss), SourceLoss("h", "b", NONE)), NONE)
    (said,) = answers(losses=(losses,)).values()
    assert f"a (h): {word}" in said
    assert said.startswith("Mean over 2 held-out sources: not shown: ")


@pytest.mark.parametrize(
    ("gap", "score", "word"),
    [
        (DOWN, UP, "narrows the gap and improves the score: it helps to generalise"),
        (DOWN, DOWN, "narrows the gap and worsens the score: it over-regularises"),
        (DOWN, NONE, "narrows the gap without a change of the score that is shown"),
        (UP, UP, "improves the score and widens the gap"),
        (NONE, UP, "improves the score and is not shown to change the gap"),
        (UP, DOWN, "worsens the score and widens the gap"),
        (NONE, DOWN, "worsens the score and is not shown to change the gap"),
        (UP, NONE, "widens the gap without a change of the score that is shown"),
        (NONE, NONE, "is shown to change neither the gap nor the score"),
    ],
)
def test_each_outcome_of_augmentation_has_its_sentence(gap: Contrast, score: Contrast, word: str) -> None:
    (said,) = answers(regularisations=(regularised(gap, score),)).values()
    assert said.startswith(f"Augmentation {word}")


def test_taking_augmentation_away_is_told_as_having_it() -> None:
    """Catches the harm of leaving augmentation out that is said of augmentation."""
    off = dataclasses.replace(SIZES, keys=("augment",), before=({},), after=(False,))
    dropped = dataclasses.replace(off, keys=("dropout",), before=(0.5,), after=(0.1,))
    for choice, name in ((off, "Augmentation"), (dropped, "Dropout")):
        asked = regularised(UP, DOWN)
        turned = dataclasses.replace(asked, gain=dataclasses.replace(asked.gain, choice=choice))
        (said,) = answers(regularisations=(turned,)).values()
        assert said.startswith(f"{name} narrows the gap and improves the score: it helps to generalise.")
        assert "0.200 → 0.500, change -0.080" in said and "0.400 → 0.100" in said


def test_a_gain_too_small_to_matter_is_no_use_of_augmentation() -> None:
    tiny = dataclasses.replace(EQUAL, low=0.0005, p_holm=0.01)
    (said,) = answers(regularisations=(regularised(DOWN, tiny),)).values()
    assert said.startswith(
        "Augmentation narrows the gap, and makes practically no difference to the score (within ±0.01)."
    )


def regularised(gap: Contrast, score: Contrast, epochs: tuple[float, float] = (3.0, 8.0)) -> Regularisation:
    choice = dataclasses.replace(SIZES, keys=("augment",), before=(False,), after=({"hflip_p": 0.5},))
    trained = (
        Changed("train_loss", 0.1, 0.4, UP),
        Changed("best_epoch", 3.0, epochs[0], UP),
        Changed("epochs", 8.0, epochs[1], NONE),
    )
    return Regularisation(gain(score, choice), Changed("train_val_gap", 0.5, 0.2, gap), trained)


def test_training_that_ended_early_is_said() -> None:
    (late,) = answers(regularisations=(regularised(NONE, DOWN, (7.6, 8.0)),)).values()
    assert "training may have ended before augmentation could pay off" in late
    (early,) = answers(regularisations=(regularised(NONE, DOWN),)).values()
    assert "mean epoch of the weights kept 3.0 of 8.0 → 3.0 of 8.0" in early and "pay off" not in early
    (lacking,) = answers(regularisations=(regularised(LACKING, UP),)).values()
    assert lacking == "Not answered, because b: fold 3 failed: the loss is nan."
