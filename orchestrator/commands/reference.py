"""The commands that look things up: what models there are, what an experiment file may say."""

import json
from dataclasses import asdict

from orchestrator.commands.options import JsonOption
from orchestrator.console import screen


def models_command(as_json: JsonOption = False) -> None:
    """Show every backbone: parameters, input size, source. Any other timm model works by its name too.

    Example: python -m orchestrator models --json
    """
    from orchestrator.commands.views import models_table
    from trainables.models.building import backbone_facts

    rows = [asdict(each) for each in backbone_facts()]
    if as_json:
        print(json.dumps(rows, indent=1))
    else:
        screen().print(models_table(rows))


def schema_command() -> None:
    """Print the JSON Schema of experiment files.

    Example: python -m orchestrator schema > experiments/schema.json
    """
    from orchestrator.config.experiment import json_schema

    print(json.dumps(json_schema(), indent=1))
