"""`data cache`: what was computed of images and kept, how large it is, and how to be rid of it."""

import json
import sys
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.commands.options import RESULTS, DebugOption, JsonOption, ResultsOption
from orchestrator.console import say, screen, show_table, size_text
from trainables.errors import InputError

if TYPE_CHECKING:
    from orchestrator.store.caches import CacheEntry
    from orchestrator.store.folder import Store

# A study of a thousand trials has as many scores.
MOST_OF_A_KIND = 12


def cache_command(
    results: ResultsOption = RESULTS,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove caches; they are built again when needed.")
    ] = False,
    older_than: Annotated[
        float | None,
        typer.Option("--older-than", min=0, metavar="DAYS", help="Only those not used for so long."),
    ] = None,
    kind: Annotated[
        list[str] | None, typer.Option("--kind", help="Only pixels, scans, ...; may be repeated.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove without being asked.")] = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List what results/cache holds: size, last use, what for; with --prune, remove it.

    Example: python -m orchestrator data cache --prune --older-than 30
    """
    from orchestrator.store import caches
    from orchestrator.store.folder import Store

    store = Store.look(results)
    entries = caches.list_caches(store)
    chosen = caches.choose_caches(entries, older_than_days=older_than, kinds=kind)
    removed: list[CacheEntry] = []
    left: list[CacheEntry] = []
    if prune and chosen:
        caches.check_idle(store)
        if not as_json:
            _show(store, chosen)
        _ask([entry for entry in chosen if not entry.is_linked], yes=yes)
        _, left = caches.prune(chosen, on_removed=removed.append)
    if as_json:
        print(_json_text(store, entries if prune else chosen, removed, left))
    elif not prune:
        _show(store, chosen)
    else:
        _say(removed, left)


def _ask(chosen: "list[CacheEntry]", *, yes: bool) -> None:
    if yes or not chosen:
        return
    size = size_text(sum(entry.bytes for entry in chosen))
    if not sys.stdin.isatty():
        raise InputError(f"{len(chosen)} caches ({size}) would be removed: add --yes to do so")
    if not typer.confirm(f"Remove these {len(chosen)} caches ({size})?"):
        raise InputError("nothing was removed")


def _show(store: "Store", entries: "list[CacheEntry]") -> None:
    from rich.table import Table

    size = size_text(sum(entry.bytes for entry in entries))
    title = f"{store.cache}: {len(entries)} caches, {size}"
    table = Table()
    for column in ("kind", "name", "size", "last used"):
        table.add_column(column, no_wrap=True, justify="right" if column == "size" else "left")
    table.add_column("what for", overflow="fold")
    listed: Counter[str] = Counter()
    further: dict[str, list[CacheEntry]] = {}
    for entry in entries:
        listed[entry.kind] += 1
        if listed[entry.kind] > MOST_OF_A_KIND:
            further.setdefault(entry.kind, []).append(entry)
            continue
        purpose = entry.purpose + (f" ({', '.join(entry.users)})" if entry.users else "")
        cells = (entry.kind, entry.path.name, size_text(entry.bytes), _ago(entry.last_used), purpose)
        table.add_row(*cells)
    for kind, rest in further.items():
        size = size_text(sum(entry.bytes for entry in rest))
        latest = _ago(max(entry.last_used for entry in rest))
        table.add_row(kind, f"and {len(rest):,} smaller ones", size, latest, "")
    show_table(table, title=title, console=screen())


def _ago(moment: float) -> str:
    import time

    days = (time.time() - moment) / 86_400
    return "today" if days < 1 else f"{days:.0f} days ago"


def _say(removed: "list[CacheEntry]", left: "list[CacheEntry]") -> None:
    size = size_text(sum(entry.bytes for entry in removed))
    say(f"Removed {len(removed)} caches, {size}" if removed else "Nothing to remove")
    for entry in left:
        why = "it lies behind a link" if entry.is_linked else "another command is using it"
        say(f"Left, {why}: {entry.path}")


def _json_text(
    store: "Store", entries: "list[CacheEntry]", removed: "list[CacheEntry]", left: "list[CacheEntry]"
) -> str:
    gone = {entry.path for entry in removed}
    content = {
        "cache": str(store.cache),
        "bytes": sum(entry.bytes for entry in entries if entry.path not in gone),
        "entries": [
            {
                "kind": entry.kind,
                "path": str(entry.path),
                "bytes": entry.bytes,
                "last_used": round(entry.last_used),
                "purpose": entry.purpose,
                "users": list(entry.users),
                "in_use": entry.in_use,
                "behind_link": entry.is_linked,
                "removed": entry.path in gone,
            }
            for entry in entries
        ],
        "left_because_in_use": [str(entry.path) for entry in left if not entry.is_linked],
        "left_behind_a_link": [str(entry.path) for entry in left if entry.is_linked],
    }
    return json.dumps(content, indent=1)
