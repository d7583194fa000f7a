"""The experiment files of this repository: they load, and they are what the study plan asks for."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from orchestrator.config.experiment import (
    Experiment,
    json_schema,
    load_experiments,
)
from orchestrator.config.json_text import read_object
from orchestrator.config.library import Library
from orchestrator.config.load import complete, load
from orchestrator.config.phase import load_phase, phases_in_order
from orchestrator.plan.data_sets import DataSets
from orchestrator.plan.plan import Options, StudyPlan, plan_study
from orchestrator.plan.resources import Machine
from orchestrator.store.fold_files import fold_file
from orchestrator.store.folder import Store
from tests.golden.outputs import NO_EVIDENCE, look_up_weights
from trainables.files import write_json
from trainables.recipe import Augment

# The study plan's numbers for phase 1, word for word; both experiments share them.
PHASE1 = {
    "dropout": 0.0, "image_size": 128, "epochs": 15, "batch_size": 32, "early_stopping_patience": 5,
    "subsample": 0.2, "face_crop": False, "augment": False, "seed": 42, "cv_folds": 5, "cv_repeats": 1,
}  # fmt: skip


def shipped_files() -> list[Path]:
    folder = Path(__file__).parents[3] / "experiments"
    return [
        folder / "shared.json",
        *(folder / "presets").glob("*.json"),
        *Library((folder,)).experiments().values(),
    ]


def test_every_shipped_experiment_loads_with_every_preset(shipped: Path) -> None:
    names = list(Library((shipped,)).experiments())
    for preset in (None, *(path.stem for path in (shipped / "presets").glob("*.json"))):
        assert [found.name for found in load_experiments(Library((shipped,)), names, preset=preset)] == names


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("p1_simplecnn_baseline", {"backbone": "simple_cnn", "cnn_preset": "medium", "pretrained": False}),
        ("p1_resnet18_baseline", {"backbone": "resnet18", "pretrained": True}),
    ],
)
def test_phase_1_is_what_the_study_plan_asks_for(shipped: Path, name: str, own: dict[str, Any]) -> None:
    (found,) = load_experiments(Library((shipped,)), [name])
    values = found.model_dump()
    assert {key: values[key] for key in PHASE1 | own} == PHASE1 | own
    assert (found.optimizer.type, found.optimizer.lr, found.optimizer.weight_decay) == ("adamw", 1e-4, 1e-4)
    assert (found.scheduler.type, found.scheduler.T_max) == ("cosine_annealing", 15)


def test_the_two_of_phase_1_differ_in_the_model_alone(shipped: Path) -> None:
    """Catches a comparison of architectures that compares something else as well."""
    one, other = load_experiments(Library((shipped,)), load_phase(Library((shipped,)), "phase1").experiments)
    left, right = one.recipe_keys().model_dump(), other.recipe_keys().model_dump()
    assert {key for key in left if left[key] != right[key]} == {"backbone", "pretrained"}


def test_phase_1_declares_its_one_comparison(shipped: Path) -> None:
    (comparison,) = load_phase(Library((shipped,)), "phase1").comparisons
    assert (comparison.baseline, comparison.treatment) == ("p1_simplecnn_baseline", "p1_resnet18_baseline")
    assert comparison.metrics == ("auc", "accuracy", "f1")


def test_phase_1_decides_between_its_two_baselines(shipped: Path) -> None:
    rule = load_phase(Library((shipped,)), "phase1").decision
    assert rule is not None
    assert (rule.choose, rule.prefer, rule.rope) == ("auc", "cheaper", 0.01)
    assert rule.among == ("p1_simplecnn_baseline", "p1_resnet18_baseline")


def test_every_shipped_phase_loads_with_its_experiments(shipped: Path) -> None:
    for name in Library((shipped,)).phases():
        phase = load_phase(Library((shipped,)), name)
        loaded = load_experiments(Library((shipped,)), phase.experiments)
        assert [each.name for each in loaded] == list(phase.experiments)
        assert loaded or phase.templates


def test_shared_holds_what_the_design_says(shipped: Path) -> None:
    values = read_object(shipped / "shared.json")
    assert {key: value for key, value in values.items() if key != "$schema"} == {
        "seed": 42,
        "val_ratio": 0.1,
        "test_ratio": 0.1,
        "batch_size": 32,
        "optimizer": {"type": "adamw", "lr": 1e-4, "weight_decay": 1e-4},
        "scheduler": {"type": "cosine_annealing", "T_max": 15},
        "epochs": 15,
        "early_stopping_patience": 5,
        "num_workers": 4,
        "cv_folds": 5,
        "data_dir": "data",
        "face_crop_margin": 0.6,
    }


@pytest.mark.parametrize("path", shipped_files(), ids=lambda path: path.stem)
def test_the_schema_accepts_every_shipped_file(path: Path) -> None:
    """Catches an editor that marks correct files as wrong."""
    jsonschema.Draft202012Validator(json_schema()).validate(read_object(path))


@pytest.mark.parametrize(
    "wrong",
    [
        {"epohcs": 3},
        {"epochs": 0},
        {"epochs": "3"},
        {"optimizer": {"type": "adamwx"}},
        {"optimizer": {"momentun": 0.5}},
        {"lr": "fast"},
        {"face_crop": "yes"},
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(wrong: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(json_schema()).validate(wrong)


def test_the_schema_itself_is_valid() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_the_schema_file_is_up_to_date(shipped: Path) -> None:
    """Catches a schema.json that is older than the model: `make schema` writes it."""
    assert json.loads((shipped / "schema.json").read_text()) == json_schema()


@pytest.mark.parametrize("path", shipped_files(), ids=lambda path: path.stem)
def test_the_schema_that_a_file_names_is_there(path: Path) -> None:
    named = read_object(path).get("$schema")
    assert named is None or (path.parent / named).is_file()


AUGMENT = {
    "hflip_p": 0.5, "rotation_degrees": 10.0, "brightness": 0.2, "contrast": 0.2, "saturation": 0.1,
    "hue": 0.02, "grayscale_p": 0.1, "blur_p": 0.1, "erase_p": 0.2, "noise_p": 0.3, "noise_std": 0.04,
}  # fmt: skip
# The study plan's experiments of phases 2 and 3, by what they set; the rest is as in phase 1.
PHASE2: dict[str, dict[str, Any]] = {
    "p2a_t1_original": {"backbone": "resnet18", "normalization": "imagenet"},
    "p2a_t2_real_norm": {"backbone": "resnet18", "normalization": "real_norm"},
    "p2b_simplecnn_224": {"backbone": "simple_cnn"},
    "p2b_resnet18_224": {"backbone": "resnet18"},
    "p2c_simplecnn_facecrop": {"backbone": "simple_cnn", "face_crop": True},
    "p2c_resnet18_facecrop": {"backbone": "resnet18", "face_crop": True},
    "p2d_simplecnn_aug": {"backbone": "simple_cnn", "augment": AUGMENT},
    "p2d_resnet18_aug": {"backbone": "resnet18", "augment": AUGMENT},
    "p2e_simplecnn_facecrop_aug": {"backbone": "simple_cnn", "face_crop": True, "augment": AUGMENT},
    "p2e_resnet18_facecrop_aug": {"backbone": "resnet18", "face_crop": True, "augment": AUGMENT},
}
PHASE3 = {
    "p3_simplecnn": "simple_cnn", "p3_resnet18": "resnet18", "p3_resnet34": "resnet34",
    "p3_resnet50": "resnet50", "p3_efficientnet_b0": "efficientnet_b0", "p3_convnext_tiny": "convnext_tiny",
    "p3_mobilenetv3_small": "mobilenetv3_small",
}  # fmt: skip


def differing(one: Experiment, other: Experiment) -> dict[str, Any]:
    """The keys in which an experiment differs from another, with its values."""
    mine, theirs = (each.recipe_keys().model_dump(mode="json") for each in (one, other))
    return {key: value for key, value in mine.items() if value != theirs[key]}


@pytest.mark.parametrize("name", PHASE2)
def test_phase_2_is_what_the_study_plan_asks_for(shipped: Path, name: str) -> None:
    own = PHASE2[name]
    baseline = "p1_simplecnn_baseline" if own["backbone"] == "simple_cnn" else "p1_resnet18_baseline"
    found, first = load_experiments(Library((shipped,)), [name, baseline])
    wanted: dict[str, Any] = {"image_size": 224, **own}
    del wanted["backbone"]
    if "augment" in own:
        # What the plan does not name is off.
        wanted["augment"] = Augment.model_validate(AUGMENT).model_dump(mode="json")
    if own.get("normalization") == "imagenet":
        del wanted["normalization"]
    assert differing(found, first) == wanted
    assert found.backbone == own["backbone"] and found.face_crop_margin == 0.6


def test_phase_2_declares_each_comparison_of_the_plan(shipped: Path) -> None:
    asked = {
        (each.baseline, each.treatment) for each in load_phase(Library((shipped,)), "phase2").comparisons
    }
    pairs = {("p2a_t1_original", "p2a_t2_real_norm")}
    for model in ("simplecnn", "resnet18"):
        pairs |= {
            (f"p1_{model}_baseline", f"p2b_{model}_224"),
            (f"p2b_{model}_224", f"p2c_{model}_facecrop"),
            (f"p2b_{model}_224", f"p2d_{model}_aug"),
            (f"p2c_{model}_facecrop", f"p2e_{model}_facecrop_aug"),
        }
    assert asked == pairs


def test_phase_2_decides_four_keys_by_pairs_that_differ_in_them_alone(shipped: Path) -> None:
    """Catches a resolution that is decided by experiments which were also cropped."""
    rule = load_phase(Library((shipped,)), "phase2").decision
    assert rule is not None
    assert [factor.key for factor in rule.factors] == ["image_size", "face_crop", "augment", "normalization"]
    for factor in rule.factors:
        backbones = set()
        for baseline, treatment in factor.pairs:
            one, other = load_experiments(Library((shipped,)), [baseline, treatment])
            assert set(differing(other, one)) == {factor.key}
            backbones.add(one.backbone)
        assert backbones == ({"resnet18"} if factor.key == "normalization" else {"simple_cnn", "resnet18"})


@pytest.mark.parametrize("name", PHASE3)
def test_phase_3_is_what_the_study_plan_asks_for(shipped: Path, name: str) -> None:
    found, first = load_experiments(Library((shipped,)), [name, "p1_resnet18_baseline"])
    differ = differing(found, first)
    backbone = differ.pop("backbone", "resnet18")
    pretrained = differ.pop("pretrained", True)
    assert (backbone, pretrained) == (PHASE3[name], PHASE3[name] != "simple_cnn")
    assert differ == {"image_size": 224, "face_crop": True}


def test_phase_3_compares_each_network_with_both_baselines_and_selects_three(shipped: Path) -> None:
    phase = load_phase(Library((shipped,)), "phase3")
    assert phase.experiments == tuple(PHASE3) and phase.builds_on == ("phase2",)
    baselines = ("p3_resnet18", "p3_simplecnn")
    asked = {(each.baseline, each.treatment) for each in phase.comparisons}
    assert asked == {(baseline, name) for name in PHASE3 if name not in baselines for baseline in baselines}
    assert phase.decision is not None and phase.decision.top == 3
    assert phase.decision.among == tuple(PHASE3)


def test_the_study_runs_its_phases_in_order(shipped: Path) -> None:
    library = Library((shipped,))
    assert phases_in_order(library, library.phases()) == ["phase1", "phase2", "phase3", "phase4"]


@pytest.fixture(scope="module")
def plan_of(tmp_path_factory: pytest.TempPathFactory, make_faces: Any) -> Callable[..., StudyPlan]:
    """Plan a shipped phase on faces of one real and three fake sources, after decisions written by hand."""
    root = tmp_path_factory.mktemp("study")
    folder = Path(__file__).parents[3] / "experiments"
    sources = ("wiki", "text2img", "inpainting", "insight")
    data = make_faces(root / "faces", sources=sources, basenames=range(60))
    store = Store.open(root / "results")
    sets = DataSets(store, override=data)
    look_up_weights(store)
    decisions: dict[str, dict[str, Any]] = {
        "phase2": {"handed_over": {"image_size": 224, "face_crop": True, "augment": False}},
        "phase3": {
            "handed_over": {"image_size": 224, "face_crop": True, "augment": False},
            "selected": ["p3_convnext_tiny", "p3_resnet50", "p3_simplecnn"],
        },
    }

    def plan(phase: str, preset: str | None = None) -> StudyPlan:
        for name, record in decisions.items():
            base = {"format": 1, "phase": name, "version": 1, "chosen": None, "trials": []}
            base |= {"rule": {"choose": "auc"}, "evidence": NO_EVIDENCE}
            write_json(store.root / "decisions" / f"{name}.json", {**base, "preset": preset, **record})
        question = load(
            [phase], Library((folder,)), results=store.root, preset=preset, settings=("precision=float32",)
        )
        question = complete(question, sets.facts)
        options = Options(results=store.root)
        return plan_study(
            question.phase, question.experiments, options, data=sets, machine=Machine(2, 8_000), device="cpu"
        )

    return plan


@pytest.mark.parametrize("preset", [None, "smoke", "cpu"])
def test_names_and_trainings_of_the_study_are_counted(
    plan_of: Callable[..., StudyPlan], preset: str | None
) -> None:
    """Catches equal recipes that are trained twice, and siblings that a preset makes one."""
    names: dict[str, int] = {}
    trained: dict[str, int] = {}
    seen: set[str] = set()
    for phase in ("phase1", "phase2", "phase3", "phase4"):
        study = plan_of(phase, preset)
        names[phase] = len(study.experiments)
        keys = {trial.key for trial in study.trials}
        trained[phase] = len(keys - seen)
        seen |= keys
    # Phase 2 has its ten, three hold-outs and phase 1's two; p2a_t1_original is p2b_resnet18_224.
    assert names == {"phase1": 2, "phase2": 15, "phase3": 7, "phase4": 12}
    assert trained["phase1"] == 2 * 5 and trained["phase2"] == 12 * 5
    # Under their own epochs the baselines of phase 3 are phase 2's face crops, and a fifth of the data is
    # phase 3's; a preset with fewer epochs for large networks trains them anew, but on all of the data once.
    expected = {None: (5 * 5, 3 * 2 * 5), "smoke": (7 * 5, 3 * 2 * 5), "cpu": (7 * 5, 3 * 2 * 5)}
    assert (trained["phase3"], trained["phase4"]) == expected[preset]


def test_hold_outs_have_the_names_and_sources_of_the_plan(plan_of: Callable[..., StudyPlan]) -> None:
    study = plan_of("phase2")
    found = {
        each.experiment.name: each.experiment
        for each in study.experiments
        if each.experiment.train_sources is not None
    }
    everything = {"wiki", "text2img", "inpainting", "insight"}
    assert set(found) == {f"p2a_t3_holdout_{source}" for source in everything - {"wiki"}}
    for source in everything - {"wiki"}:
        experiment = found[f"p2a_t3_holdout_{source}"]
        assert set(experiment.train_sources or ()) == everything - {source}
        assert set(experiment.eval_sources or ()) == everything
        assert (experiment.backbone, experiment.image_size) == ("resnet18", 224)


def test_phase_4_asks_how_much_data_of_each_selected_model_on_the_same_test_folds(
    plan_of: Callable[..., StudyPlan],
) -> None:
    """Catches a question of data that can never be answered, since no two amounts were tested on the same."""
    study = plan_of("phase4")
    shares = {"20pct": 0.2, "50pct": 0.5, "100pct": 1.0}
    for model, backbone in (("convnext_tiny", "convnext_tiny"), ("simplecnn", "simple_cnn")):
        for name, share in shares.items():
            experiment = study.experiment(f"p4a_{model}_{name}").experiment
            assert (experiment.subsample, experiment.backbone) == (share, backbone)
            assert (experiment.image_size, experiment.face_crop) == (224, True)
        tested = [
            [trial.sizes["test"] for trial in study.trials if trial.experiment == f"p4a_{model}_{name}"]
            for name in shares
        ]
        assert tested[0] == tested[1] == tested[2] and sum(tested[0]) == 240
        files = {fold_file(study.store, study.experiment(f"p4a_{model}_{name}").rows[0]) for name in shares}
        assert len(files) == 1
    asked = {(each.baseline, each.treatment) for each in study.phase.comparisons}
    assert ("p4a_resnet50_20pct", "p4a_resnet50_50pct") in asked
    assert ("p4a_resnet50_50pct", "p4a_resnet50_100pct") in asked
    assert ("p4b_convnext_tiny_full", "p4b_resnet50_full") in asked
    assert study.phase.decision is not None
    assert study.phase.decision.among == tuple(
        f"p4b_{model}_full" for model in ("convnext_tiny", "resnet50", "simplecnn")
    )
