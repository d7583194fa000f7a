"""Malformed settings: mistakes in files of experiments, phases, projects and clusters, and in options."""

from typing import Any

from orchestrator.plan.price import read_prices
from orchestrator.store.final_report_files import read_own_slides
from orchestrator.store.folder import Store
from tests.orchestrator.strangers.stage import SHARED, Stage, Stranger, of_table, sentence

EXPERIMENTS: dict[str, tuple[Any, str]] = {
    "empty": ("", r"a\.json, line 1: not valid JSON"),
    "cut short": ('{"epochs": 3', r"a\.json, line 1: not valid JSON"),
    "a list": (["epochs", 3], "a JSON object is needed, not list"),
    "a number": ("3", "a JSON object is needed, not int"),
    "no UTF-8": ('{"description": "é"}'.encode("latin-1"), r"a\.json: not valid JSON .*utf-8"),
    "UTF-16": ('{"epochs": 3}'.encode("utf-16"), "not valid JSON"),
    "NaN": ('{"dropout": NaN}', "NaN is not a JSON number"),
    "infinite": ('{"lr": 1e999}', "lr is Infinity"),
    "a key twice": ('{"epochs": 3, "epochs": 4}', "'epochs' stands there twice"),
    "a comment": ('{"epochs": 3} // three', "line 1: not valid JSON"),
    "an unknown key": ({"epohcs": 3}, "unknown key 'epohcs'; nearest: epochs"),
    "a word for a number": ({"epochs": "three"}, 'epochs is "three"'),
    "a truth for a number": ({"epochs": True}, "epochs is true"),
    "nothing for a number": ({"epochs": None}, "epochs is null"),
    "half an epoch": ({"epochs": 2.5}, "epochs is 2.5"),
    "a negative seed": ({"seed": -1}, "seed is -1"),
    "no pixels": ({"image_size": 0}, "image_size is 0"),
    "too many pixels": ({"image_size": 10**12}, "image_size is 1000000000000"),
    "a list for an object": ({"optimizer": ["adam"]}, "optimizer is"),
    "a mistyped optimizer": ({"optimizer": {"type": "adma"}}, "optimizer.type.*nearest: adam"),
    "more than a share": ({"val_ratio": 1.5}, "val_ratio is 1.5"),
    "a text for a list": ({"tags": "one"}, 'tags is "one"'),
    "another name": ({"name": "b"}, "name is 'b'"),
    "a number to extend": ({"extends": 5}, "extends: a name or a path is needed"),
    "itself to extend": ({"extends": "./a.json"}, "goes round in a circle"),
    "an unknown backbone": ({"backbone": "resnet81"}, "resnet81.*nearest|nearest.*resnet"),
    "stages that disagree": ({"epochs": 3, "stages": [{"epochs": 2}]}, "the stages sum to 2"),
}  # fmt: skip

SETTINGS = {
    "no value": ("epochs", "give key=value"),
    "no key": ("=3", "give key=value"),
    "two dots": ("optimizer..lr=1", "unknown key 'optimizer.'"),
    "a name": ("name=b", "name belongs to an experiment's file"),
    "an empty value": ("epochs=", 'epochs is ""'),
    "an unknown source": ('train_sources=["stylegan"]', "stylegan.*inpainting, text2img, wiki"),
    "more folds than groups": ("cv_folds=50", "12 groups.*50 folds"),
}

OPTIONS = {
    "a word for folds": (["--folds", "x"], "--folds x.*0,1"),
    "a range of folds": (["--folds", "0-1"], "--folds 0-1.*0,1"),
    "a fold that is not there": (["--folds", "99999999999999999999"], "--folds .*0 to 1"),
    "no folds": (["--folds", ""], "--folds"),
    "no such preset": (["--preset", "fast"], "no preset 'fast'.*smoke"),
    "a pattern of nothing": (["--only", "z*"], r"--only z\*"),
    "a price that is none": (["--price", "nan"], "--price nan: give what an hour costs"),
    "a price in commas": (["--price", "1,2"], r"with a point, 1\.2"),
}

PHASE = {"title": "T", "experiments": ["a"]}

PHASES = {
    "a list": ([PHASE], "a JSON object is needed, not list"),
    "without experiments": ({"title": "T"}, r"phase\.json.*experiments"),
    "an unknown experiment": ({"title": "T", "experiments": ["b"]}, "'b'"),
    "a number for a title": ({**PHASE, "title": 5}, "title is 5"),
    "an unknown key": ({**PHASE, "experiment": []}, "unknown key 'experiment'; nearest: experiments"),
    "an unknown metric": ({**PHASE, "decision": {"choose": "acu"}}, "decision.choose.*nearest: auc"),
    "a comparison with nothing": (
        {**PHASE, "comparisons": [{"question": "Q", "baseline": "a", "treatment": "z"}]}, "'?z'?",
    ),
}  # fmt: skip

CLUSTERS = {
    "empty": ("", "holds no mapping"),
    "a list": ("- a\n- b\n", "holds no mapping"),
    "a tab": ("provider:\n\ttype: aws\n", "line 2: not valid YAML"),
    "two documents": ("a: 1\n---\nb: 2\n", "not valid YAML"),
    "no date": ("since: 2024-99-99\n", "not valid YAML"),
    "of nothing known": ("name: x\n", "starts no cluster that is known here"),
    "no UTF-8": (b"name: \xff\n", "can't be read"),
}

PROJECTS = {
    "no TOML": ("data: faces\n", "not valid TOML"),
    "an unknown key": ('dta = "faces"\n', "unknown key 'dta'; nearest: data"),
    "a number for a folder": ("data = 5\n", "data is 5"),
}


def _cluster(stage: Stage, content: Any) -> str:
    return stage.refused("doctor", "--cluster", stage.put("cluster.yaml", content))


def _project(stage: Stage, content: Any) -> str:
    return stage.refused("--project", stage.put("orchestrator.toml", content), "status")


def _shared(stage: Stage, content: Any) -> str:
    stage.put("experiments/shared.json", content)
    return stage.plan()


def _preset(stage: Stage, content: Any) -> str:
    stage.put("experiments/presets/mine.json", content)
    return stage.plan({}, "--preset", "mine")


def _own_slides(stage: Stage) -> str:
    stage.put("results/slides.md", b"# Gener\xe9\n")
    return sentence(lambda: read_own_slides(Store(stage.folder / "results")))


def _prices(stage: Stage) -> str:
    path = stage.put("prices.json", {"instances": [{"instance": "x", "per_hour": "cheap"}]})
    return sentence(lambda: read_prices(path))


ALONE = (
    Stranger("shared.json: a list", lambda stage: _shared(stage, []), "a JSON object is needed, not list"),
    Stranger(
        "shared.json: an unknown key", lambda stage: _shared(stage, {**SHARED, "sed": 1}), "nearest: seed"
    ),
    Stranger("preset: cut short", lambda stage: _preset(stage, "{"), "not valid JSON"),
    Stranger("preset: an unknown key", lambda stage: _preset(stage, {"epohcs": 1}), "unknown key 'epohcs'"),
    Stranger(
        "weights: a file that is not there",
        lambda stage: stage.plan({"pretrained": "gone.safetensors"}),
        "there is no file gone.safetensors",
    ),
    Stranger("slides.md: no UTF-8", _own_slides, r"slides\.md can't be read .*write it in UTF-8"),
    Stranger("prices: a word", _prices, r"instances\.0\.per_hour"),
)

MALFORMED_SETTINGS = (
    *of_table("experiment", EXPERIMENTS, lambda stage, content: stage.plan(content)),
    *of_table("--set", SETTINGS, lambda stage, setting: stage.plan({}, "--set", setting)),
    *of_table("option", OPTIONS, lambda stage, arguments: stage.plan({}, *arguments)),
    *of_table("phase", PHASES, lambda stage, content: stage.phase(content)),
    *of_table("cluster", CLUSTERS, _cluster),
    *of_table("project", PROJECTS, _project),
    *ALONE,
)
