"""Places of MLflow's files, which follow results that were moved or copied.

MLflow writes the absolute address of an experiment's folder into its database once, and into each run; there
is no call to change it, so it is changed in SQLite. Only addresses of our own form are, of experiments that
have a record in these results; a database that several results may share keeps an address under which results
still lie.
"""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from orchestrator.store.folder import Store
from orchestrator.tracking.database import has_tables, opened

# Each table and column that holds such an address, or one below it.
ADDRESSES = (
    ("experiments", "artifact_location"), ("runs", "artifact_uri"), ("logged_models", "artifact_location"),
)  # fmt: skip


def follow_results(path: Path, store: Store, *, is_own: bool) -> tuple[str, ...]:
    """Let a database's addresses of files in these results say where they are; return what to say of it."""
    here = store.artifacts.as_uri()
    moved = [old for old in _addresses(path, store) if old != here and (is_own or not _is_there(old))]
    if not moved:
        return ()
    with opened(path) as database:
        for old in moved:
            for table, column in ADDRESSES:
                database.execute(
                    f"update {table} set {column} = ? || substr({column}, ?) "
                    f"where {column} = ? or substr({column}, 1, ?) = ?",
                    (here, len(old) + 1, old, len(old) + 1, f"{old}/"),
                )
    return (f"MLflow finds its files in {store.artifacts} now: these results were in {_root(moved[0])}",)


def _addresses(path: Path, store: Store) -> list[str]:
    """The addresses of the folders of our experiments in a database."""
    if not has_tables(path):
        # MLflow will make them.
        return []
    names = store.studies()
    marks = ", ".join("?" * len(names))
    query = f"select distinct artifact_location from experiments where name in ({marks})"
    with opened(path) as database:
        found = [str(address) for (address,) in database.execute(query, names)]
    end = f"/{store.artifacts.name}"
    return [each for each in found if each.startswith("file:///") and each.endswith(end)]


def _is_there(address: str) -> bool:
    """Tell whether results still lie where an address leads."""
    return Store(_root(address)).version_file.exists()


def _root(address: str) -> Path:
    return Path(unquote(urlsplit(address).path)).parent
