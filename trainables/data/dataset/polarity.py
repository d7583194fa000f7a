"""Polarity of class names: which of them mean fake (1) and which real (0).

A name is read word by word: case, separators, digits and camel case fold, so that `0_real`, `Celeb-real`,
`REAL` and `real_images` are real, and `1_fake`, `Celeb-synthesis` and `AiArtData` fake. A word that says
nothing of a class (images, faces, train) is passed over. A name that holds words of both kinds, or a
negation, means neither. Polarity never comes from the order of names: two names of which neither is known
are refused, with the option that says which is real.
"""

import json
import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Self

from trainables.errors import InputError

Kind = Literal["real", "fake"]
BINARY: tuple[Kind, Kind] = ("real", "fake")
FAKE_WORDS = frozenset(
    "fake fakes ai aigc generated synthetic synthesis synthesized synthesised artificial deepfake deepfakes "
    "manipulated manipulation forged forgery tampered altered spoof spoofed".split()
)
REAL_WORDS = frozenset(
    "real reals nature natural human humans original originals authentic genuine pristine bonafide "
    "wiki".split()
)
# They say what a folder holds, not of which class it is.
PASSED_OVER = frozenset(
    "image images img imgs picture pictures pic pics photo photos face faces frame frames video videos "
    "sequence sequences sample samples file files crop crops data dataset datasets set class label train "
    "training val valid validation dev test testing".split()
)
NEGATIONS = frozenset(("not", "non", "no"))
# Camel case, and digits from letters: YouTube-real, CelebDFv1_real, AiArtData.
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_A-Za-z]+")
_NUMBERED = re.compile(r".*[^\W\d_].*\d")


@dataclass(frozen=True, slots=True)
class NamedClasses:
    """What names of classes mean: `labels[name]` indexes `classes`.

    `fake` and `real` are the names that stand for the two classes; both are empty where there are several
    classes, which are called as they are.
    """

    classes: tuple[str, ...]
    labels: Mapping[str, int]
    fake: tuple[str, ...] = ()
    real: tuple[str, ...] = ()


@lru_cache(maxsize=100_000)
def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name that say something of a class, in lower case and in order."""
    words = (word.casefold() for word in _WORDS.findall(name))
    return tuple(word for word in words if word not in PASSED_OVER)


@lru_cache(maxsize=100_000)
def kind_of(name: str) -> Kind | None:
    """Tell whether a name means real or fake; None where it says neither, or both.

    Real is a name that ends in such a word, fake one that begins or ends in one: `real_esrgan` is a
    generator.
    """
    words = words_of(name)
    if not words or NEGATIONS & set(words):
        return None
    is_fake, is_real = bool(FAKE_WORDS & set(words)), bool(REAL_WORDS & set(words))
    if is_fake and not is_real and FAKE_WORDS & {words[0], words[-1]}:
        return "fake"
    if is_real and not is_fake and words[-1] in REAL_WORDS:
        return "real"
    return None


def is_mixed(name: str) -> bool:
    """Tell whether a name speaks of both classes, as that of a folder that holds both: real_vs_fake."""
    words = set(words_of(name))
    return bool(words & FAKE_WORDS and words & REAL_WORDS)


def is_numbered(name: str) -> bool:
    """Tell whether a name ends in a number behind its words, as that of one of many: real0, fake_video_03."""
    return _NUMBERED.fullmatch(name) is not None


def is_generic(name: str) -> bool:
    """Tell whether a name says nothing but that there are images: data, faces, Dataset."""
    return bool(_WORDS.search(name)) and not words_of(name)


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What names mean in one data set: by the word lists, or by the names that the user says are real.

    `real_sources` are those names; all others are fakes then.
    """

    real_sources: tuple[str, ...] = ()

    @classmethod
    def of(cls, real_sources: Sequence[str]) -> Self:
        """Return the vocabulary of what the user says; names that the word lists know say nothing new."""
        is_new = any(kind_of(name) != "real" for name in real_sources)
        return cls(tuple(real_sources) if is_new else ())

    def kind(self, name: str) -> Kind | None:
        """Tell whether a folder's or a label's name means real or fake."""
        if not self.real_sources:
            return kind_of(name)
        if self.is_given(name):
            return "real"
        return "fake" if kind_of(name) == "fake" else None

    def is_given(self, name: str) -> bool:
        """Tell whether the user says that this name is real; case and separators fold."""
        return fold(name) in {fold(each) for each in self.real_sources}

    def read(self, names: Iterable[str], *, where: str, as_sources: bool) -> NamedClasses:
        """Say which of the names of classes are real and which fake.

        Of two names, one that is known makes the other one the other class.

        Args:
            names: the names of all classes or sources.
            where: what an error message begins with.
            as_sources: the names are those of sources, of which all beside real ones are fakes. Else three or
                more names, of which not all are known, are as many classes.

        Raises:
            InputError: the names don't say which is real.
        """
        ordered = sorted(set(names))
        kinds = self._given(ordered, where) if self.real_sources else {n: kind_of(n) for n in ordered}
        unknown = [name for name in ordered if kinds[name] is None]
        known = {kind for kind in kinds.values() if kind}
        is_other = len(unknown) == 1 and (as_sources or len(ordered) == 2)
        if unknown and "real" in known and (as_sources or is_other):
            kinds.update(dict.fromkeys(unknown, "fake"))
        elif is_other and known == {"fake"}:
            kinds[unknown[0]] = "real"
        elif unknown and not as_sources and len(ordered) > 2:
            return NamedClasses(tuple(ordered), {name: label for label, name in enumerate(ordered)})
        elif unknown:
            raise InputError(
                f"{where}: which of {listed(ordered)} is real is not clear from the names; "
                f"{way_out(unknown if known else unknown[:1])}"
            )
        elif "real" not in known:
            raise InputError(
                f"{where}: {listed(ordered)} are names of fakes, and none is real; add the real images, or "
                f"{way_out(ordered[:1])}"
            )
        fake = tuple(name for name in ordered if kinds[name] == "fake")
        real = tuple(name for name in ordered if kinds[name] == "real")
        return NamedClasses(BINARY, {name: int(kind == "fake") for name, kind in kinds.items()}, fake, real)

    def _given(self, names: Sequence[str], where: str) -> dict[str, Kind | None]:
        kinds: dict[str, Kind | None] = {name: "real" if self.is_given(name) else "fake" for name in names}
        if "real" not in kinds.values():
            raise InputError(
                f"{where}: none is called {' or '.join(self.real_sources)}, as real_sources has it; there "
                f"are: {listed(names)}; {way_out(names[:1])}"
            )
        return kinds


def fold(name: str) -> str:
    """Return a name without case and separators: Celeb-real and celeb_real are the same."""
    return re.sub(r"[\s_.-]+", "_", name.casefold()).strip("_")


def listed(names: Collection[str]) -> str:
    """List names for a message, the first eight of them."""
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(list(names)[:8]) + more


def way_out(names: Sequence[str]) -> str:
    """Spell the option that says that images of these names are real, for each kind of command."""
    named, as_json = ",".join(names), json.dumps(list(names), ensure_ascii=False)
    called = " and ".join(names)
    return (
        f"if {called} {'is' if len(names) == 1 else 'are'} real, add --real-sources {shlex.quote(named)} to "
        f"a data command, or --set real_sources={shlex.quote(as_json)} to plan and run"
    )
