"""Operations of one image, by hand and by shape."""

import torch
from torch import nn

from trainables.models.building import build_model
from trainables.models.flops import flops_per_image
from trainables.recipe import RecipeKeys


def test_a_convolution_and_a_linear_layer_by_hand() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.Flatten(), nn.Linear(8 * 16 * 16, 1))
    convolution, linear = 2 * 16 * 16 * 8 * 3 * 9, 2 * 8 * 16 * 16
    assert flops_per_image(model, torch.zeros(1, 3, 16, 16)) == convolution + linear


def test_a_count_hangs_on_the_size_and_leaves_random_state_and_weights_alone() -> None:
    """Catches a count that draws dropout, moves batch norm, or would make the next number another."""
    model = build_model(RecipeKeys(backbone="simple_cnn", dropout=0.5), num_classes=2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    small = flops_per_image(model.train(), torch.zeros(1, 3, 32, 32))
    assert 3 * small < flops_per_image(model.train(), torch.zeros(1, 3, 64, 64)) < 5 * small
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
