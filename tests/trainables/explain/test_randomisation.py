"""Random weights: all of them new, on their own scale; and the correlation of maps."""

import numpy as np
import pytest
import torch
from scipy import stats

from trainables.explain.randomisation import rank_correlation, with_random_weights
from trainables.models.building import build_model
from trainables.recipe import RecipeKeys


def test_every_weight_is_drawn_anew_on_its_scale() -> None:
    torch.manual_seed(0)
    model = build_model(RecipeKeys(backbone="simple_cnn", image_size=32), num_classes=2).eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    drawn = with_random_weights(model, seed=1)
    for name, value in drawn.named_parameters():
        if before[name].std(correction=0) > 0:
            assert not torch.equal(value, before[name]), name
        if value.numel() > 1000:
            assert value.std().item() == pytest.approx(before[name].std().item(), rel=0.1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    again, other = with_random_weights(model, seed=1), with_random_weights(model, seed=2)
    assert torch.equal(drawn.head[2].weight, again.head[2].weight)
    assert not torch.equal(drawn.head[2].weight, other.head[2].weight)


def test_the_correlation_is_spearman_s_and_none_of_a_flat_map() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random((12, 12)), rng.random((12, 12)).round(1)
    # From its definition: Pearson's correlation of the ranks.
    ranks = [stats.rankdata(each.ravel()) for each in (first, second)]
    assert rank_correlation(first, second) == pytest.approx(stats.pearsonr(*ranks).statistic)
    assert rank_correlation(first.astype(np.float16), 3 * first) == pytest.approx(1.0, abs=1e-3)
    assert np.isnan(rank_correlation(first, np.zeros((12, 12))))
