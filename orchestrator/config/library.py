"""Folders of experiment files, one overlaying another: where a name leads to a file.

The shipped folder lies at the bottom and a user's folder on top. A file of the upper folder takes the place
of what the lower one has under the same name: an experiment by its stem, wherever it lies; a phase by its
folder; shared.json and presets by their path. Names are found without a look into the files, so that a file
that is wrong is in the way of nothing but itself.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from trainables.errors import InputError, nearest

HERE = Path("experiments")
PROJECT = "orchestrator.toml"
# A phase is a command by its name, so it can't have one of these.
RESERVED = frozenset(
    {
        "collect", "compare", "data", "decide", "doctor", "evaluate", "explain", "explain-images", "export",
        "final", "init", "models", "plan", "predict", "pull", "report", "run", "schema", "status",
        "study", "ui",
    }
)  # fmt: skip
PHASE, SHARED, PRESETS = "phase.json", "shared.json", "presets"


@dataclass(frozen=True, slots=True)
class Library:
    """Folders of experiment files, the uppermost first."""

    folders: tuple[Path, ...]

    def __str__(self) -> str:
        """Name the folders, for a message."""
        return " and ".join(map(str, self.folders))

    def experiments(self) -> dict[str, Path]:
        """Return the file of each experiment by its name; where a folder has several, the first of them."""
        return {name: paths[0] for name, paths in self._experiments().items()}

    def experiment(self, name: str) -> Path:
        """Find an experiment's file by its name, or by its path where `name` ends in .json.

        Raises:
            InputError: there is no such experiment, or its folder has two of that name.
        """
        path = Path(name)
        if path.suffix == ".json":
            if not path.is_file():
                raise InputError(f"no such experiment file: {name}")
            return path
        known = self._experiments()
        if name not in known:
            near = nearest(name, known) or "there are none"
            raise InputError(f"no experiment {name!r} below {self}; {near}")
        first, *others = known[name]
        if others:
            raise InputError(f"two experiments are called {name}: {first} and {others[0]}; rename one")
        return first

    def extended(self, name: str, by: Path) -> Path:
        """Find the experiment `name` that the file `by` extends: its own name is that of a lower folder's.

        Raises:
            InputError: there is no such experiment, or its folder has two of that name.
        """
        if name == by.stem:
            file = by.resolve()
            holds = [file.is_relative_to(folder.resolve()) for folder in self.folders]
            lower = Library(self.folders[holds.index(True) + 1 :] if any(holds) else self.folders)
            if name in lower.experiments():
                return lower.experiment(name)
        return self.experiment(name)

    def phases(self) -> list[str]:
        """Return the names of all phases."""
        return sorted(self._phases())

    def own_phases(self) -> list[str]:
        """Return the phases of the uppermost folder that has any."""
        each = (_phases_in(folder) for folder in self.folders)
        return sorted(next(filter(None, each), {}))

    def phase(self, name: str) -> Path:
        """Return the file of a phase.

        Raises:
            InputError: there is no such phase.
        """
        known = self._phases()
        if name not in known:
            raise InputError(
                f"no phase {name!r}; the phases below {self} are: {', '.join(sorted(known)) or 'none'}"
            )
        return known[name]

    def shared(self) -> Path:
        """Return the file of what all experiments share.

        Raises:
            InputError: no folder has one.
        """
        path = self._uppermost(Path(SHARED))
        if path is None:
            raise InputError(f"no {SHARED} in {self}; name the folder that has it with --experiments")
        return path

    def presets(self) -> list[str]:
        """Return the names of all presets."""
        return sorted({path.stem for folder in self.folders for path in (folder / PRESETS).glob("*.json")})

    def preset(self, name: str) -> Path:
        """Return the file of a preset for all experiments.

        Raises:
            InputError: there is no such preset.
        """
        path = self._uppermost(Path(PRESETS, f"{name}.json"))
        if path is None or name not in self.presets():
            raise InputError(f"no preset {name!r}; the presets are {', '.join(self.presets()) or 'none'}")
        return path

    def preset_beside(self, name: str, folder: Path) -> Path | None:
        """Return what a preset says of the experiments in `folder`; None where it says nothing more of them.

        The same place in another layer counts as `folder`, so that the values of an experiment do not depend
        on which of them holds its file.
        """
        place = Path(PRESETS, f"{name}.json")
        inside = self._inside(folder)
        if inside is not None:
            return self._uppermost(inside / place) if inside.parts else None
        return folder / place if (folder / place).is_file() else None

    def replacements(self, files: Iterable[Path]) -> Iterator[str]:
        """Say which of the files that were read take the place of shipped ones that differ from them."""
        bottom = Library(self.folders[-1:])
        phases, experiments = bottom._phases(), bottom.experiments()
        for path in dict.fromkeys(files):
            inside = self._inside(path)
            if path.name == PHASE:
                lower, called = phases.get(path.parent.name), f"phase {path.parent.name}"
            elif inside is not None and (inside == Path(SHARED) or PRESETS in inside.parts[:-1]):
                lower, called = bottom._uppermost(inside), inside.as_posix()
            else:
                lower, called = experiments.get(path.stem), f"experiment {path.stem}"
            if lower is not None and lower.read_bytes() != path.read_bytes():
                yield f"{path} takes the place of the shipped {called}"

    def _experiments(self) -> dict[str, list[Path]]:
        found: dict[str, list[Path]] = {}
        for folder in reversed(self.folders):
            mine: dict[str, list[Path]] = {}
            for path in _experiment_files(folder):
                mine.setdefault(path.stem, []).append(path)
            found |= mine
        return found

    def _inside(self, path: Path) -> Path | None:
        """The place of a file or folder in the one that holds it, however the path is written."""
        full = path.resolve()
        tops = (folder.resolve() for folder in self.folders)
        return next((full.relative_to(top) for top in tops if full.is_relative_to(top)), None)

    def _phases(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for folder in reversed(self.folders):
            found |= _phases_in(folder)
        return found

    def _uppermost(self, inside: Path) -> Path | None:
        return next((folder / inside for folder in self.folders if (folder / inside).is_file()), None)


def find_library(given: Path | None) -> Library:
    """Return the folder that was named, else experiments/ here if there is one, on top of the shipped one.

    Raises:
        InputError: there is no folder of the name that was given.
    """
    shipped = _shipped()
    if given is not None and not given.is_dir():
        raise InputError(f"no folder of experiments {given}; `python -m orchestrator init DIR` makes one")
    own = HERE if given is None else given
    if not own.is_dir():
        return Library((shipped,))
    # In a checkout the folder here is the shipped one: it is called by its short name.
    return Library((own,) if own.resolve() == shipped.resolve() else (own, shipped))


def _shipped() -> Path:
    """The experiments of the distribution: inside the package in a wheel, beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "experiments"
    return inside if inside.is_dir() else package.parent / "experiments"


def _experiment_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*.json")):
        inside = path.relative_to(folder)
        folders = inside.parts[:-1]
        # A hidden folder is an editor's or a tool's, with copies of what lies beside it.
        if any(name.startswith(".") for name in inside.parts):
            continue
        if folders and PRESETS not in folders and path.name != PHASE:
            yield path


def _phases_in(folder: Path) -> dict[str, Path]:
    found = {path.parent.name: path for path in folder.glob(f"*/{PHASE}")}
    return {name: path for name, path in found.items() if not name.startswith(".")}
