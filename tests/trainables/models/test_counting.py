"""Work of networks, counted against the table that plans read, and against FLOPs that are known."""

import pytest

from trainables.backbones import BACKBONES
from trainables.models.counting import count_work
from trainables.recipe import RecipeKeys
from trainables.work import known_work


def test_operations_in_groups_are_apart_from_dense_ones() -> None:
    """Catches depthwise convolutions that are counted as dense ones."""
    work = count_work(RecipeKeys(backbone="mobilenetv3_small", image_size=32, precision="float32"))
    assert 0 < work.grouped_flops < work.flops / 4
    assert (
        count_work(RecipeKeys(backbone="simple_cnn", image_size=32, precision="float32")).grouped_flops == 0
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", BACKBONES)
def test_the_table_holds_what_is_counted(name: str) -> None:
    """Catches a backbone that was changed, and whose work in the table was not."""
    counted = count_work(RecipeKeys(backbone=name, image_size=128, precision="float32"))
    assert counted == known_work(name, cnn_preset="medium", image_size=128)
