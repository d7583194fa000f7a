"""The section of the selection: the models, the rule and the scores of the decision that was handed over."""

import json
from typing import Any

import pytest

from orchestrator.analysis.collect import collect
from orchestrator.decisions.decision import decide
from orchestrator.report.page import write_report
from orchestrator.store.folder import Store


@pytest.mark.slow
def test_the_page_says_which_models_were_selected_by_which_rule(results: Any) -> None:
    """Catches a phase that hides where its models come from, and scores of another decision."""
    for name, good in (("p3_a", 0.0), ("p3_b", 2.0), ("p3_c", 1.5)):
        results.add(name, folds=3)
        results.separate(name, "val", good)
    results.decide("p3_a", "p3_b", "p3_c", top=2)
    store = Store.open(results.write())
    record = decide(store, "phase1").record
    study = json.loads(store.study_file("phase1").read_text())
    taken = {"phase": "phase1", "version": 1, "chosen": "", "values": {}, "own": []}
    study["phase"] = {"name": "later", "title": "Later", "experiments": ["p3_a"]}
    study["experiments"] = study["experiments"][:1]
    study["handed_over"] = [{**taken, "selected": list(record.selected)}]
    store.study_file("later").write_text(json.dumps(study))
    text = write_report(store, collect(store, "later")).read_text().replace("<wbr>", "")
    section = text[text.index('id="selection"') : text.index('id="scores"')]
    assert "phase1: 2 of 3 are selected, by AUC on validation rows" in section
    assert "else the cheapest of those that are tied with it" in section
    means = {each.experiment: each.validation.mean for each in record.evidence.candidates}
    for name in ("p3_a", "p3_b", "p3_c"):
        assert f"{means[name]:.3f}" in section
    assert "not selected" in section
    store.decision_file("phase1").rename(store.decision_file("phase1", version=1))
    assert write_report(store, collect(store, "later")).read_text().replace("<wbr>", "") == text
    store.decision_file("phase1", version=1).unlink()
    assert "is not in these results" in write_report(store, collect(store, "later")).read_text()
