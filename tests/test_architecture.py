"""The rules of the house: who may import what, how large a file may be, and what is never loaded."""

import ast
import functools
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("orchestrator", "trainables")
MAX_LINES, MAX_FUNCTION_LINES = 400, 60
# The training loop reads better in one piece.
LONGER_FUNCTIONS = {"fit": 80}
# Lines that pass values by string key without a type: arguments of libraries, and files of any shape.
MAX_UNTYPED = 40
UNTYPED = re.compile(r"dict\[str, Any\]|Mapping\[str, Any\]|\bJsonObject\b")
# A module is a thing, which its first words name.
QUESTIONS = ("What", "How", "Where", "Which", "Who", "Whether", "Why", "When", "From")
VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "manager", "handler", "misc"}
HEAVY = ("torch", "torchvision", "timm", "ray", "mlflow", "sklearn", "matplotlib", "facenet_pytorch")
QUICK = (
    "trainables.data.dataset.manifest", "trainables.data.splits.trial_rows", "orchestrator.cli",
    "orchestrator.config.experiment",
    "orchestrator.plan.plan", "orchestrator.plan.record", "orchestrator.execution.progress",
    "orchestrator.commands.plan", "orchestrator.commands.status",
    "orchestrator.execution.explanation_plan", "orchestrator.execution.hard_evidence",
)  # fmt: skip
# The one module or package that may import each; everything else talks to it.
ONLY_IN = {"ray": "orchestrator/execution/ray_executor/", "mlflow": "orchestrator/tracking/"}


def modules(*packages: str) -> list[Path]:
    return [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def imported(path: Path) -> frozenset[str]:
    """The dotted names that a module imports, at its top or inside a function."""
    return frozenset(_imported(path))


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name_of(path)} line {node.lineno}: imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and called(node) in ("importlib.import_module", "__import__"):
            yield from (part.value for part in node.args if isinstance(part, ast.Constant))


def called(node: ast.Call) -> str:
    """The names behind which a call stands, with points between; what is no name is left out."""
    names, function = [], node.func
    while isinstance(function, ast.Attribute):
        names.append(function.attr)
        function = function.value
    names.append(function.id if isinstance(function, ast.Name) else "")
    return ".".join(reversed(names))


def roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)}


# What each package may import: itself, and what stands before it.
ORDER = (
    "statistics", "store", "config", "plan", "checks", "analysis", "decisions", "wording", "report",
    "execution", "detector", "commands", "notebook", "cli",
)  # fmt: skip
# Everybody may print, and whoever runs trials or looks at them may ask the package that knows MLflow.
BESIDE = ("console", "tracking")


def place(module: str) -> int | None:
    """Where the package of a module of the orchestrator stands in ORDER; None where it has no place."""
    package, _, inside = module.partition(".")
    name = inside.split(".")[0]
    return ORDER.index(name) if package == "orchestrator" and name in ORDER else None


Check = Callable[[Path], None]


def in_modules_of(*packages: str) -> Callable[[Check], Callable[[], None]]:
    """Make one test of a check of a module: it names every module that fails. A test each would cost more."""

    def decorate(check: Check) -> Callable[[], None]:
        def test() -> None:
            failed = []
            for path in modules(*packages):
                try:
                    check(path)
                except AssertionError as error:
                    failed.append(f"{name_of(path)}: {error}")
            assert not failed, "\n".join(failed)

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return test

    return decorate


in_every_module = in_modules_of(*PACKAGES)


def test_there_is_something_to_check() -> None:
    assert len(modules("orchestrator")) > 10
    assert len(modules("trainables")) > 10


@in_modules_of("trainables")
def test_a_trial_knows_neither_ray_nor_mlflow_nor_the_orchestrator(path: Path) -> None:
    """Catches a trial that can't be run, tested and timed alone."""
    assert roots(path).isdisjoint({"ray", "mlflow", "orchestrator"})


@in_modules_of("orchestrator")
def test_no_arrow_runs_back(path: Path) -> None:
    """Catches a package that imports one which stands on it."""
    mine = place(".".join(path.relative_to(ROOT).with_suffix("").parts))
    if mine is None:
        return
    back = {name for name in imported(path) if (theirs := place(name)) is not None and theirs > mine}
    assert not back


def test_every_package_has_its_place() -> None:
    """Catches a new room at the top of the house that no rule knows."""
    found = {path.stem for path in (ROOT / "orchestrator").iterdir() if path.suffix == ".py" or path.is_dir()}
    assert found - {"__pycache__", "__init__", "__main__"} == {*ORDER, *BESIDE}


@in_every_module
def test_each_engine_is_known_to_one_place(path: Path) -> None:
    """Catches an engine that could not be changed any more."""
    for library, only in ONLY_IN.items():
        assert library not in roots(path) or name_of(path).startswith(only), library


@pytest.mark.parametrize("library", ONLY_IN)
def test_the_one_place_does_import_its_engine(library: str) -> None:
    """Catches a scan that finds nothing because it looks for the wrong thing."""
    inside = [path for path in modules(*PACKAGES) if name_of(path).startswith(ONLY_IN[library])]
    assert any(library in roots(path) for path in inside)


@in_every_module
def test_remote_places_are_known_to_one_package(path: Path) -> None:
    """Catches a module that reads from a bucket behind the back of the copies."""
    found = {name for name in imported(path) if name.startswith(("pyarrow.fs", "boto3", "google."))}
    assert not found or path.is_relative_to(ROOT / "orchestrator" / "store" / "remote"), found


@in_every_module
def test_consoles_are_made_in_one_place(path: Path) -> None:
    """Catches output that is wrapped at 80 columns in a file or a pipe."""
    calls = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)]
    makes = any(called(call).endswith("Console") for call in calls)
    assert makes == (name_of(path) == "orchestrator/console.py")


@in_every_module
def test_what_lies_where_is_known_to_the_store_alone(path: Path) -> None:
    """Catches a path below results/ that is put together elsewhere."""
    if path.is_relative_to(ROOT / "orchestrator" / "store"):
        return
    joined = [node for node in ast.walk(parsed(path)) if isinstance(node, ast.BinOp)]
    left = [ast.unparse(node.left) for node in joined if isinstance(node.op, ast.Div)]
    assert not [name for name in left if re.search(r"store\.(root|cache)$", name)]


@in_every_module
def test_nothing_is_unpickled(path: Path) -> None:
    """Catches results or weights that could run code when they are read."""
    assert roots(path).isdisjoint({"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"})
    for node in ast.walk(parsed(path)):
        if not isinstance(node, ast.Call):
            continue
        function, where = called(node), f"{name_of(path)} line {node.lineno}"
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        if function.endswith("torch.load"):
            assert ast.unparse(given.get("weights_only", ast.Constant(False))) == "True", where
        if function in ("np.load", "numpy.load"):
            assert ast.unparse(given.get("allow_pickle", ast.Constant(False))) == "False", where
        assert not function.endswith("read_pickle"), where


@in_modules_of(*PACKAGES, "tests", "benchmarks")
def test_no_file_is_too_long(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES


@in_every_module
def test_a_module_is_named_after_what_it_does(path: Path) -> None:
    assert not VAGUE & {*path.relative_to(ROOT).with_suffix("").parts}


@in_every_module
def test_a_module_says_what_it_is_for(path: Path) -> None:
    first = (ast.get_docstring(parsed(path)) or "").partition(" ")[0]
    assert first and first not in QUESTIONS


@in_every_module
def test_no_function_is_too_long(path: Path) -> None:
    lengths = [
        (node.name, (node.end_lineno or 0) - node.lineno + 1)
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef)
    ]
    assert [
        (name, lines) for name, lines in lengths if lines > LONGER_FUNCTIONS.get(name, MAX_FUNCTION_LINES)
    ] == []


def test_a_public_name_means_one_thing() -> None:
    """Catches a second `summary` or `Found`, of which nobody can tell which one is meant."""
    places: dict[str, list[str]] = {}
    for path in modules(*PACKAGES):
        for node in parsed(path).body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(name_of(path))
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_what_crosses_a_border_has_a_type() -> None:
    lines = [
        f"{name_of(path)}: {line.strip()}"
        for path in modules(*PACKAGES)
        for line in path.read_text(encoding="utf-8").splitlines()
        if UNTYPED.search(line)
    ]
    assert len(lines) <= MAX_UNTYPED, "\n".join(lines)


def test_what_must_answer_at_once_imports_nothing_heavy() -> None:
    """Catches `--help` and `plan` that take ten seconds because torch is imported to say hello."""
    code = "import importlib, json, sys\nheavy, found = json.loads(sys.argv[1]), {}\n"
    for module in QUICK:
        code += f"importlib.import_module({module!r})\n"
        code += f"found[{module!r}] = [name for name in heavy if name in sys.modules]\n"
    found = subprocess.run(
        [sys.executable, "-c", code + "print(json.dumps(found))", json.dumps(HEAVY)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(found.stdout) == {module: [] for module in QUICK}


def test_experiments_are_data_only() -> None:
    """Catches code that hides in the experiments folder."""
    suffixes = {path.suffix for path in (ROOT / "experiments").rglob("*") if path.is_file()}
    assert suffixes <= {".json", ".md"}


def test_what_starts_ray_lies_where_it_is_looked_for() -> None:
    """Catches a test that `make test` passes over: it names the folders of those that start Ray."""
    (line,) = re.findall(r".*-m \"ray and not slow.*", (ROOT / "Makefile").read_text(encoding="utf-8"))
    # Benchmarks are slow, all that start Ray.
    looked_at = [ROOT / name for name in (*re.findall(r"tests/\S+", line), "tests/benchmarks")]
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        if re.search(r"\bmark\.ray\b", path.read_text(encoding="utf-8")):
            assert any(path.is_relative_to(folder) for folder in looked_at), path
