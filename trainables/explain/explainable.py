"""Models that have maps of their images, and why others have none: read without importing torch."""

from trainables.backbones import is_kernel_machine
from trainables.recipe import RecipeKeys


def why_not_explained(recipe: RecipeKeys) -> str:
    """Say in a sentence why a recipe's model has no Grad-CAM maps; "" where it has."""
    if is_kernel_machine(recipe.backbone):
        return (
            f"{recipe.backbone} has no feature maps and no gradient at them, which Grad-CAM needs: it "
            "compares the pixels of whole images"
        )
    return ""
