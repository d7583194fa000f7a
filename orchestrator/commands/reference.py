"""The commands that look things up: what models there are, what an experiment file may say."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from orchestrator.commands.options import JsonOption
from orchestrator.console import screen

if TYPE_CHECKING:
    from trainables.models.building import BackboneFacts


def models_command(as_json: JsonOption = False) -> None:
    """Show every backbone: parameters, input size, source. Any other timm model works by its name too.

    Example: python -m orchestrator models --json
    """
    from trainables.models.building import backbone_facts

    models = backbone_facts()
    if as_json:
        print(json.dumps([asdict(each) for each in models], indent=1))
    else:
        _show(models)


def _show(models: "Sequence[BackboneFacts]") -> None:
    from rich.table import Table

    table = Table("Backbone", box=None)
    for heading in ("Parameters", "that train", "classes", "px"):
        table.add_column(heading, justify="right")
    table.add_column("Source")
    for each in models:
        numbers = (each.parameters, each.trainable_parameters)
        counts = ["-" if number is None else f"{number:,}" for number in numbers]
        table.add_row(each.name, *counts, str(each.num_classes), str(each.input_px), each.source)
    screen().print(table)


def schema_command() -> None:
    """Print the JSON Schema of experiment files.

    Example: python -m orchestrator schema > experiments/schema.json
    """
    from orchestrator.config.experiment import json_schema

    print(json.dumps(json_schema(), indent=1))
