"""Keys, types and names of a request for EC2 machines, held against the model of EC2 that botocore carries.

`ray up` hands `node_config` to EC2 as it is, so a mistyped key is found by EC2 alone, after the head is paid
for. The model is a file of the installed botocore: nothing is asked of the network.
"""

import functools
import importlib.util
from collections.abc import Iterator
from typing import Any

from orchestrator.checks.yaml_file import YamlPart
from trainables.errors import nearest

# Ray takes it out of the request, and fills in the last two.
OF_RAY, FILLED_IN = "SubnetIds", ("MinCount", "MaxCount")
TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str, "integer": int, "long": int, "boolean": bool, "double": (int, float),
    "float": (int, float), "structure": dict, "map": dict, "list": list,
}  # fmt: skip
WORDS = {
    "structure": "a mapping",
    "map": "a mapping",
    "list": "a list",
    "string": "text",
    "boolean": "true or false",
}


def has_model() -> bool:
    """Say whether botocore is installed."""
    return importlib.util.find_spec("botocore") is not None


def request_problems(node_config: YamlPart) -> Iterator[str]:
    """Say what EC2 would refuse of a request; needs `has_model`."""
    yield from _problems(node_config, _run_instances())


@functools.cache
def _run_instances() -> Any:
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    model = Loader().load_service_model("ec2", "service-2")
    return ServiceModel(model, "ec2").operation_model("RunInstances").input_shape


def _problems(part: YamlPart, shape: Any) -> Iterator[str]:
    kind = shape.type_name
    wanted = TYPES.get(kind)
    if wanted is not None and (
        not isinstance(part.value, wanted) or (isinstance(part.value, bool) and kind != "boolean")
    ):
        yield f"{part.place} is {part.value!r}, and EC2 wants {WORDS.get(kind, 'a number')}"
    elif kind == "structure":
        yield from _structure_problems(part, shape)
    elif kind == "list":
        for entry in part.entries():
            yield from _problems(entry, shape.member)
    elif kind == "string" and shape.enum and part.value not in shape.enum:
        yield f"{part.place} is {part.value}, unknown to botocore; {nearest(part.text, shape.enum)}"


def _structure_problems(part: YamlPart, shape: Any) -> Iterator[str]:
    for name, inner in part.items():
        if name in shape.members:
            yield from _problems(inner, shape.members[name])
        elif name != OF_RAY:
            yield f"{inner.place} is no key of EC2's; {nearest(name, shape.members)}"
    for name in shape.required_members:
        if name not in FILLED_IN and not part.has(name):
            yield f"{part.place} lacks {name}, without which EC2 refuses it"
