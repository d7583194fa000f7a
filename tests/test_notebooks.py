"""The notebooks: stripped of outputs, free of paths, thin, and run from top to bottom."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def code_of(path: Path) -> Iterator[str]:
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            yield "".join(cell["source"])


def test_there_is_one_for_each_checklist() -> None:
    assert [path.name[:2] for path in NOTEBOOKS] == ["01", "02", "03", "04", "05", "06", "07"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_holds_no_outputs_and_no_paths(path: Path) -> None:
    """Catches a notebook that is stored as it was run on somebody's machine."""
    text = path.read_text(encoding="utf-8")
    for cell in json.loads(text)["cells"]:
        assert not cell.get("outputs") and cell.get("execution_count") is None
        assert cell["metadata"] == {}
    assert not re.search(r"[\"' =(](/|~/|[A-Z]:\\\\)[a-z]", text)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_thin(path: Path) -> None:
    """Catches statistics of a notebook's own: a cell after the parameters only calls and shows."""
    parameters, *cells = code_of(path)
    assert "ORCHESTRATOR_NOTEBOOK_RESULTS" in parameters
    for cell in cells:
        for node in ast.parse(cell).body:
            assert isinstance(node, ast.Expr | ast.Assign) and isinstance(node.value, ast.Call), cell


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_from_top_to_bottom(
    path: Path, trained_study: Path, faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On results of phase 1 alone: what other phases would show is said, and no cell fails."""
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("ORCHESTRATOR_NOTEBOOK_RESULTS", str(trained_study))
    monkeypatch.setenv("ORCHESTRATOR_NOTEBOOK_DATA", str(faces))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook, timeout=250, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    ).execute()
    shown = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    views = [output for output in shown if output.output_type == "execute_result"]
    assert len(views) == sum(bool(re.match(r"(results|images)\.", cell)) for cell in code_of(path))
    assert all("orchestrator-part" in output.data["text/html"] for output in views)
