"""Similarity of maps to those of the same network without what it has learned (Adebayo et al., Sanity Checks
for Saliency Maps, 2018).

A method whose maps stay the same when the weights are random shows edges of the image, not what the network
knows. The check is the cascading randomisation at its end: from the classifier to the first layer every
weight is drawn anew, from a normal distribution with mean and standard deviation of its own tensor, so that
each layer keeps its scale and no network dies of it. Statistics of batch normalisation stay. One random
network can resemble anything on a coarse grid; hence the mean over NUM_DRAWS of them.
"""

import copy

import numpy as np
import torch
from scipy import stats
from torch import nn

from trainables.seeds import derived_seed

NUM_DRAWS = 3


def with_random_weights(model: nn.Module, *, seed: int) -> nn.Module:
    """Return a copy of a network all of whose weights are drawn anew."""
    drawn = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(derived_seed(seed, "random weights"))
    with torch.no_grad():
        for parameter in drawn.parameters():
            spread, mean = torch.std_mean(parameter.float(), correction=0)
            noise = torch.randn(parameter.shape, generator=generator).to(parameter)
            parameter.copy_(noise * spread + mean)
    return drawn


def rank_correlation(first_SS: np.ndarray, second_SS: np.ndarray) -> float:
    """Return Spearman's correlation of two maps, -1..1; NaN where one of them is flat."""
    if np.ptp(first_SS) == 0 or np.ptp(second_SS) == 0:
        return float("nan")
    return float(stats.spearmanr(first_SS.ravel(), second_SS.ravel()).statistic)
