"""An autoscaler's answers in plain values: which kinds of nodes it can start, and why none has come.

Both of Ray's autoscalers are read: the first leaves JSON in Ray's store, the second answers with a message.
Neither says which kinds of nodes there are; the file that the autoscaler was started with does, on the head.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FLAG = "--autoscaling-config="
# Where Ray's first autoscaler leaves its report, and its last error.
FIRST_KEYS = ("__autoscaling_status", "__autoscaling_error")


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """What is known of a cluster's autoscaler.

    `gpu_types` and `cpu_types` name the kinds of workers that it can start, with GPUs and without; None = not
    known here, or there is no autoscaler. `reasons` say what it does, or why it can't.
    """

    gpu_types: tuple[str, ...] | None = None
    cpu_types: tuple[str, ...] | None = None
    reasons: tuple[str, ...] = ()


def configuration(command_lines: Iterable[list[str]], gcs_address: str) -> Path | None:
    """Return the file of the autoscaler of a cluster, by the processes of this machine; None = not here."""
    for words in command_lines:
        files = [word.removeprefix(FLAG) for word in words if word.startswith(FLAG)]
        if files and f"--gcs-address={gcs_address}" in words:
            return Path(files[0]).expanduser()
    return None


def node_types(file: Path | None) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Return the kinds of workers with GPUs, and those without; None where the file can't be read."""
    try:
        found = None if file is None else yaml.safe_load(file.read_text(encoding="utf-8"))
        types: Mapping[str, Mapping[str, Any]] = found["available_node_types"] if found else {}
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return None, None
    if found is None:
        return None, None
    workers = {name: kind for name, kind in types.items() if name != found.get("head_node_type")}
    can_come = {
        name: kind.get("resources", {}) for name, kind in workers.items() if kind.get("max_workers", 1)
    }
    gpus = tuple(sorted(name for name, has in can_come.items() if has.get("GPU")))
    return gpus, tuple(sorted(name for name, has in can_come.items() if name not in gpus and has.get("CPU")))


def first_reasons(status: bytes | None, error: bytes | None) -> tuple[str, ...]:
    """Read what Ray's first autoscaler leaves in its store."""
    said = [" ".join(error.decode().split())[:200]] if error else []
    report = json.loads(status).get("autoscaler_report", {}) if status else {}
    kinds = report.get("node_availability_summary", {}).get("node_availabilities", {})
    for name, kind in sorted(kinds.items()):
        if not kind.get("is_available", True):
            why = kind.get("unavailable_node_information") or {}
            said.append(
                f"{name} could not be launched ({_line(why.get('description'), why.get('category'))})"
            )
    failed = report.get("failed_nodes", [])
    if failed:
        said.append(f"{len(failed)} nodes of {', '.join(sorted({kind for _, kind in failed}))} have failed")
    said += [
        f"{count} of {name} being launched"
        for name, count in sorted(report.get("pending_launches", {}).items())
    ]
    said += [f"{kind} is {state}" for _, kind, state in report.get("pending_nodes", [])]
    return tuple(said)


def second_reasons(state: Any) -> tuple[str, ...]:
    """Read the answer of Ray's second autoscaler, an AutoscalingState."""
    said = [
        f"{each.count} of {each.ray_node_type_name} could not be launched ({_line(each.reason)})"
        for each in state.failed_instance_requests
    ]
    if len(state.infeasible_cluster_resource_constraints):
        said.append("no kind of node has what was asked for")
    said += [
        f"{each.count} of {each.ray_node_type_name} being launched"
        for each in state.pending_instance_requests
    ]
    said += [
        f"{each.ray_node_type_name} is being set up{f' ({_line(each.details)})' if each.details else ''}"
        for each in state.pending_instances
    ]
    return tuple(said)


def _line(*texts: str | None) -> str:
    text = next((" ".join(each.split()) for each in texts if each), "")
    return text[:200] or "no reason given"
