"""`explain-images` end to end: files, tables and page of a really trained study, in this process."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from orchestrator.cli import main
from orchestrator.store.explanation_files import OUTCOMES, read_explanations
from orchestrator.store.folder import Store

MAX_PAGE_BYTES = 5 * 2**20


def explain(results: Path, faces: Path, *more: str) -> int:
    line = ["explain-images", "phase1", "--results", str(results), "--data", str(faces), "--address", "none"]
    with pytest.raises(SystemExit) as ended:
        main([*line, "--per-experiment", "8", *more])
    return int(ended.value.code or 0)


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {
        path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns) for path in found
    }


@pytest.fixture(scope="module")
def explained(trained_study: Path, faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    results = tmp_path_factory.mktemp("explained") / "results"
    shutil.copytree(trained_study, results)
    assert explain(results, faces) == 0
    return results


def test_each_image_is_explained_by_the_model_that_did_not_learn_from_it(
    explained: Path, faces: Path
) -> None:
    """Catches an image that a model explains that learned from it, and images that differ by model."""
    found = read_explanations(Store.look(explained), "phase1")
    assert found is not None
    assert len(found.images) == 8 and set(found.images["source"]) == {"wiki", "text2img", "inpainting"}
    assert {name: len(rows) for name, rows in found.numbers.groupby("experiment")} == {"plain": 8, "wide": 8}
    for row in found.numbers.itertuples():
        stored = pd.read_parquet(explained / "trials" / str(row.trial) / "predictions.parquet")
        tested = stored[(stored["path"] == row.path) & (stored["split"] == "test")]
        assert tested["score"].tolist() == [row.score]
        taken, real = row.score >= 0.5, row.label == 0
        assert row.outcome == OUTCOMES[2 * (not taken) + (taken == real)]
        shown = np.load(found.folder / str(row.map), allow_pickle=False)
        assert shown.shape == (32, 32) and shown.dtype == np.float16
        assert str(row.map).startswith(f"{row.experiment}/{row.outcome}/{row.source}/")
        assert (found.folder / str(row.overlay)).read_bytes()[8:12] == b"WEBP"
        assert 0.0 <= row.deletion_road <= 1.0


def test_a_second_run_does_nothing_and_leaves_every_byte(
    explained: Path, faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(explained / "explanations")
    page = (explained / "reports" / "phase1" / "index.html").stat().st_mtime_ns
    assert explain(explained, faces) == 0
    assert "4 trials (4 as before)" in capsys.readouterr().out
    assert files(explained / "explanations") == before
    assert (explained / "reports" / "phase1" / "index.html").stat().st_mtime_ns == page


@pytest.mark.slow
def test_only_what_is_gone_is_done_again_and_gives_the_same(
    explained: Path, faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches files that are believed in because a record names them, and numbers that hang on chance."""
    results = Path(shutil.copytree(explained, tmp_path / "results"))
    folder = results / "explanations" / "phase1"
    before = {name: content for name, (content, _) in files(folder).items()}
    next(folder.glob("plain/*/*/*-small.webp")).unlink()
    (folder / "wide" / "true_fake" / "wiki").mkdir(parents=True, exist_ok=True)
    (folder / "wide" / "true_fake" / "wiki" / "left-over.webp").write_bytes(b"")
    assert explain(results, faces, "--only", "plain") == 0
    assert "(3 as before)" in capsys.readouterr().out
    after = {name: content for name, (content, _) in files(folder).items()}
    assert {name for name in before if before[name] != after.get(name)} <= {"explained.json"}
    assert set(after) == set(before)


def test_the_page_shows_galleries_marks_those_that_are_no_evidence_and_stays_small(explained: Path) -> None:
    page = (explained / "reports" / "phase1" / "index.html").read_text(encoding="utf-8")
    assert len(page.encode()) < MAX_PAGE_BYTES
    gallery = page[page.index('id="gallery"') : page.index('id="hard"')]
    assert gallery.count("data:image/webp;base64,") == 2 * 8 * 2
    assert "8 images, the same for every experiment" in page
    # Noise that was trained on for two epochs: no map can matter to all its scores.
    assert "maps not shown to matter more than random ones" in page and 'class="marked"' in page
    assert "is shown after <code>" not in page
    assert (explained / "reports" / "phase1" / "tables" / "attention.csv").is_file()


def test_without_explanations_the_page_says_in_a_line_how_to_get_them(trained_study: Path) -> None:
    page = (trained_study / "reports" / "phase1" / "index.html").read_text(encoding="utf-8")
    assert "python -m orchestrator explain-images phase1" in page
    assert 'id="gallery"' not in page and "data:image/webp" not in page


@pytest.mark.slow
def test_a_model_that_is_gone_is_told_and_the_others_go_on(
    explained: Path, faces: Path, tmp_path: Path
) -> None:
    results = Path(shutil.copytree(explained, tmp_path / "results"))
    next((results / "trials").glob("wide-r0f1-*")).joinpath("model.safetensors").unlink()
    assert explain(results, faces) == 0
    found = read_explanations(Store.look(results), "phase1")
    assert found is not None
    assert {each.fold for each in found.record.trials if each.experiment == "wide"} == {0}
    (problem,) = found.record.problems
    assert problem.experiment == "wide" and "has no model.safetensors any more" in problem.reason
    page = (results / "reports" / "phase1" / "index.html").read_text(encoding="utf-8")
    assert "has no model.safetensors any more" in page.replace("<wbr>", "")


@pytest.mark.slow
def test_a_model_that_gives_other_scores_than_it_stored_is_told(
    explained: Path, faces: Path, tmp_path: Path
) -> None:
    """Catches maps of another model, or of other images, beside the scores of this one."""
    results = Path(shutil.copytree(explained, tmp_path / "results"))
    shutil.rmtree(results / "explanations")
    one, other = (next((results / "trials").glob(f"wide-r0f{fold}-*")) for fold in (0, 1))
    shutil.copy(one / "model.safetensors", other)
    # Of an earlier version: its weights have no hash by which they would be known as others.
    done = json.loads((other / "done.json").read_text())
    (other / "done.json").write_text(json.dumps(done | {"weights_sha256": None, "weights_bytes": None}))
    assert explain(results, faces, "--only", "wide") == 1
    record = json.loads((results / "explanations" / "phase1" / "explained.json").read_text())
    assert [each["fold"] for each in record["problems"]] == [1]
    assert "away from those that it stored" in record["problems"][0]["reason"]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--only", "nothing*"], "--only nothing* matches none of the experiments of phase1: plain, wide"),
        (["--data", "/nowhere"], "there is no folder of images /nowhere; name it with --data"),
    ],
)
def test_bad_input_is_said_before_anything_starts(
    explained: Path, faces: Path, more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain(explained, faces, *more) == 2
    assert said in capsys.readouterr().err


def test_images_that_are_others_are_refused(
    explained: Path, tmp_path: Path, draw: object, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    for source in ("wiki", "text2img"):
        draw(other / source / "nobody.jpg")  # type: ignore[operator]
    assert explain(explained, other) == 2
    assert f"none of the images that phase1 was tested on is in {other}" in capsys.readouterr().err
