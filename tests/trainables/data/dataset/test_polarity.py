"""Which of two names means fake, whatever their order in the alphabet."""

import pytest

from trainables.data.dataset.polarity import Vocabulary, kind_of
from trainables.errors import InputError


@pytest.mark.parametrize(
    ("fake", "real"),
    [
        ("ai", "nature"),
        ("fake_images", "real_images"),
        ("deepfake", "original"),
        ("ai", "human"),
        ("1_fake", "0_real"),
        ("FAKE", "Real"),
        ("Celeb-synthesis", "YouTube-real"),
        ("manipulated_sequences", "original_sequences"),
        ("training_fake", "training_real"),
        ("AI Generated", "Authentic"),
        ("DeepFakes", "pristine"),
        ("fakes", "faces_of_celebrities"),
        ("a_generator", "real"),
        ("AiArtData", "RealArt"),
        ("real_esrgan", "real"),
    ],
)
def test_names_say_which_class_is_fake(fake: str, real: str) -> None:
    """Catches a polarity by the alphabet, under which AUC survives and all else is upside down."""
    found = Vocabulary().read([fake, real], where="here", as_sources=False)
    assert (found.labels[fake], found.labels[real]) == (1, 0)
    assert found.classes == ("real", "fake") and (found.fake, found.real) == ((fake,), (real,))


@pytest.mark.parametrize(
    "name", ["real_vs_fake", "not_real", "non-fake", "realistic", "0", "photos", "surreal"]
)
def test_a_name_of_both_or_of_neither_means_nothing(name: str) -> None:
    assert kind_of(name) is None


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("cats", "dogs"), r"of cats, dogs is real .*--real-sources cats .*real_sources='\[\"cats\"\]'"),
        (("0", "1"), r"--real-sources 0 "),
        (("fake", "deepfake"), r"names of fakes, and none is real"),
        (("not real", "x y"), r"--real-sources 'not real' .*'\[\"not real\"\]'"),
    ],
)  # fmt: skip
def test_two_names_that_do_not_say_it_are_refused_with_the_option(names: tuple[str, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Vocabulary().read(names, where="here", as_sources=False)


def test_several_unknown_sources_beside_fakes_are_asked_for() -> None:
    with pytest.raises(InputError, match=r"if celeba and ffhq are real, add --real-sources celeba,ffhq"):
        Vocabulary().read(["fake", "ffhq", "celeba"], where="here", as_sources=True)


def test_names_that_are_given_are_real_and_all_others_fake() -> None:
    vocabulary = Vocabulary.of(("Cats",))
    found = vocabulary.read(["cats", "nature"], where="here", as_sources=False)
    assert dict(found.labels) == {"cats": 0, "nature": 1}
    with pytest.raises(InputError, match="none is called Cats"):
        vocabulary.read(["dogs", "horses"], where="here", as_sources=False)


def test_three_names_of_which_some_are_unknown_are_classes() -> None:
    found = Vocabulary().read(["real", "dalle", "biggan"], where="here", as_sources=False)
    assert found.classes == ("biggan", "dalle", "real") and found.fake == ()
