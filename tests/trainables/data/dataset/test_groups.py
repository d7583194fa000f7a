"""Groups by `group_by`: what auto resolves to, people by name, pairs, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from trainables.data.dataset.groups import group_names, resolve, rules
from trainables.data.dataset.manifest import scan
from trainables.errors import InputError

Fill = Callable[..., Path]
PERSON = "{}_1970-01-0{}_201{}"


def groups(root: Path, group_by: str = "auto") -> dict[str, str]:
    rows = scan(root, group_by=group_by).rows
    return dict(zip(rows["path"], rows["group"], strict=True))


def listed(*paths: str) -> pd.DataFrame:
    """Rows of images that lie in their class folder, of which no table says anything."""
    return pd.DataFrame({"path": paths, "label": 0, "source": "a", "inside": "", "named_group": ""})


@pytest.mark.parametrize("turn", [1, -1])
def test_a_group_is_called_by_its_first_name_whatever_the_order_of_joining(turn: int) -> None:
    names = list("abcdefg")
    pairs = [("d", "c"), ("b", "c"), ("e", "f"), ("b", "a")][::turn]
    rows = pd.DataFrame({"path": names, "sha256": names})
    links = pd.DataFrame(pairs, columns=["first", "second"])
    found = group_names(Path(), rows, "none+near", links)
    assert found == ["a", "a", "a", "a", "e", "e", "g"]


class Name(str):
    """A name that counts how often it is compared in order."""

    compared = 0

    def __lt__(self, other: str) -> bool:
        Name.compared += 1
        return super().__lt__(other)


def test_a_large_group_is_named_once_and_not_once_per_member(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a scan that takes the square of the frames of the longest video."""
    monkeypatch.setattr(Name, "compared", 0)
    names = [Name(f"{number:03}") for number in range(200)]
    rows = pd.DataFrame({"path": names, "sha256": names}, dtype=object)
    links = pd.DataFrame({"first": names[:-1], "second": names[1:]}, dtype=object)
    assert group_names(Path(), rows, "none+near", links) == ["000"] * 200
    assert 199 <= Name.compared < 3 * 200


def test_photos_of_one_person_are_one_group_where_names_tell_the_person(fill: Fill) -> None:
    root = fill(
        f"wiki/07/{PERSON.format(123, 1, 1)}.jpg",
        f"wiki/07/{PERSON.format(123, 1, 4)}.jpg",
        f"insight/07/{PERSON.format(123, 1, 4)}.jpg",
        f"wiki/12/{PERSON.format(1234, 2, 4)}.jpg",
    )
    manifest = scan(root)
    assert manifest.group_by == "identity+near"
    assert sorted(manifest.rows["group"]) == ["123", "123", "123", "1234"]
    assert len(set(groups(root, "basename").values())) == 3


def test_a_few_other_names_do_not_hide_the_people_and_many_do(fill: Fill) -> None:
    people = [f"wiki/{PERSON.format(number, 1, 1)}.png" for number in range(20)]
    root = fill(*people, "fake/other.png")
    assert scan(root).group_by == "identity+near" and groups(root)["fake/other.png"] == "other"
    fill("fake/more.png", "fake/yet_more.png")
    assert scan(root).group_by == "basename+near"


def test_names_of_people_mean_nothing_in_other_layouts(tmp_path: Path) -> None:
    rows = listed(f"train/real/{PERSON.format(1, 1, 1)}.jpg")
    assert resolve("auto", root=tmp_path, layout="splits", rows=rows) == "none+near"


def test_pairs_join_groups_directly_and_through_others(fill: Fill) -> None:
    """By file name, which names every image that is called so, or by path; unknown names connect too."""
    root = fill("wiki/a.png", "wiki/b.png", "fake/a.png", "fake/c.png", "fake/d.png", "fake/e.png")
    (root / "pairs.csv").write_text(
        "first,second\na,wiki/b.png\nb,gone\ngone,fake/c.png\nfake/d.png,fake/d.png\n"
    )
    manifest = scan(root)
    assert manifest.group_by == "basename+near+pairs"
    found = groups(root)
    joined = ("wiki/a.png", "fake/a.png", "wiki/b.png", "fake/c.png")
    assert len({found[path] for path in joined}) == 1
    assert len(set(found.values())) == 3
    assert groups(root, "pairs") == found
    assert scan(root, group_by="pairs").group_by == "basename+pairs"


def test_pairs_of_people(fill: Fill) -> None:
    root = fill(*(f"wiki/{PERSON.format(n, 1, y)}.png" for n in (1, 2, 3) for y in (0, 1)))
    (root / "pairs.csv").write_text("first,second\n1,2\n")
    assert sorted(set(groups(root).values())) == ["1", "3"]


def test_explicit_rules_join_neither_near_duplicates_nor_pairs(fill: Fill) -> None:
    root = fill("wiki/a.png", "fake/b.png")
    (root / "pairs.csv").write_text("first,second\na,b\n")
    for group_by in ("basename", "none"):
        manifest = scan(root, group_by=group_by)
        assert manifest.group_by == group_by and manifest.links is None
        assert manifest.rows["group"].nunique() == 2
    assert len(set(groups(root).values())) == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"asks for pairs, but .*pairs\.csv does not exist"),
        ("a,b\nx,y\n", r"needs the columns first,second; its columns: a, b"),
        ("first,second\nx,y\n", r"names no image of this folder, x for one"),
        ("", r"can't be read as UTF-8 CSV"),
    ],
)
def test_a_file_of_pairs_that_says_nothing_is_refused(fill: Fill, content: str | None, message: str) -> None:
    root = fill("wiki/a.png", "fake/b.png")
    if content is not None:
        (root / "pairs.csv").write_text(content)
    with pytest.raises(InputError, match=message):
        scan(root, group_by="pairs")


@pytest.mark.parametrize("resolved", ["basename+near", "none+near+pairs", "identity+near"])
def test_what_auto_resolved_to_can_be_asked_for(tmp_path: Path, resolved: str) -> None:
    """Catches a recipe on disk that groups otherwise when it is run again."""
    assert resolve(resolved, root=tmp_path, layout="sources", rows=listed("wiki/a.png")) == resolved
    assert rules(resolved) == (resolved.split("+")[0], frozenset(resolved.split("+")[1:]))
    assert rules("a+column") == ("a+column", frozenset())
