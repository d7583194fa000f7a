"""Every backbone by name: what it is, for what images, from where. Plain facts, read without importing torch.

A backbone of our own is one file, whose `build_<file>(recipe, num_logits)` gives the network (called with its
`trunk` or its `bases` too, where it has them), and one line here. Its class names its `head_name` (the one
module behind the features, called with them and, if it wants, with the images) and its `cam_layer` (the
module whose maps Grad-CAM looks at). Raise `version` when a change gives other numbers. Names that are not
here are timm's; the timm models of the reference systems are listed with the name that timm gives them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backbone:
    """What is known of a backbone before it is built.

    `file` is the module below trainables.models that builds it, "" for timm's; `input_px` the image size that
    it was made for, `min_px` the smallest that it can take; `num_classes` the classes that its parameter
    count is quoted for; `trunk` the pretrained part, if it has one; `bases` what an ensemble combines unless
    told otherwise.
    """

    source: str
    input_px: int
    min_px: int
    num_classes: int = 2
    file: str = ""
    timm: str = ""
    trunk: str = ""
    bases: tuple[str, ...] = ()
    version: int = 1

    @property
    def can_be_pretrained(self) -> bool:
        """Tell whether weights trained on other images can be had for it."""
        return bool(self.timm or self.trunk)


def _timm(name: str, source: str, *, input_px: int = 224) -> Backbone:
    return Backbone(source, input_px, 32, timm=name)


BACKBONES: dict[str, Backbone] = {
    "simple_cnn": Backbone("own: stacked convolution blocks", 128, 16, file="simple_cnn"),
    "fingerprint_net": Backbone(
        "own: GAN fingerprints, after Yu et al. 2019", 256, 32, file="fingerprint_net", trunk="resnet34",
        version=2,
    ),
    "skip_con_cnn": Backbone("own: one residual block", 100, 16, num_classes=5, file="skip_con_cnn"),
    "three_cnn": Backbone("own: dilated convolution", 100, 16, num_classes=5, file="three_cnn"),
    "ensemble_cnn": Backbone(
        "own: two networks weighed by confidence", 100, 16, num_classes=5, file="ensembles",
        bases=("skip_con_cnn", "three_cnn"),
    ),
    "dual_stream": Backbone(
        "own: features gated by residual noise, after Bayar & Stamm 2016", 224, 32, file="dual_stream",
        trunk="mobilenetv2_100", version=2,
    ),
    "deepfake_net": Backbone("own: double convolutions", 128, 16, num_classes=5, file="deepfake_net"),
    "deepfake_net2": Backbone("own: double convolutions", 128, 16, num_classes=5, file="deepfake_net"),
    "deepfake_vgg_ensemble": Backbone(
        "own: a classifier on two networks' logits", 128, 32, num_classes=5, file="ensembles",
        bases=("deepfake_net2", "vgg16"),
    ),
    "vgg16": _timm("vgg16_bn", "timm: Simonyan & Zisserman 2015"),
    "vgg16_bn": _timm("vgg16_bn", "timm: Simonyan & Zisserman 2015"),
    "resnet18": _timm("resnet18", "timm: He et al. 2016"),
    "resnet34": _timm("resnet34", "timm: He et al. 2016"),
    "resnet50": _timm("resnet50", "timm: He et al. 2016"),
    "efficientnet_b0": _timm("efficientnet_b0", "timm: Tan & Le 2019"),
    "convnext_tiny": _timm("convnext_tiny", "timm: Liu et al. 2022"),
    "mobilenetv2_100": _timm("mobilenetv2_100", "timm: Sandler et al. 2018"),
    "mobilenetv3_small": _timm("mobilenetv3_small_100", "timm: Howard et al. 2019"),
}  # fmt: skip

# What learns without gradients: trainables.training.kernel_machine.
KERNEL_MACHINES: dict[str, Backbone] = {
    "svm_rbf": Backbone("own: radial kernel on pixels, after Cortes & Vapnik 1995", 100, 16, num_classes=5),
}

# The version of all models that timm builds; the library's own version is recorded with each trial.
TIMM_VERSION = 1


def own(name: str) -> Backbone | None:
    """Return what is known of a backbone of our own; None for timm's, listed or not."""
    found = BACKBONES.get(name)
    return found if found is not None and found.file else None


def is_kernel_machine(name: str) -> bool:
    """Tell whether a backbone is a kernel machine, not a network."""
    return name in KERNEL_MACHINES


def timm_name(name: str) -> str:
    """Return how timm calls a backbone that is not ours."""
    found = BACKBONES.get(name)
    return found.timm if found is not None else name


def canonical(name: str) -> str:
    """Return the one name of a backbone that has several."""
    return name if own(name) or is_kernel_machine(name) else timm_name(name)


def version(name: str) -> int:
    """Return the version of a backbone; it enters the identity of its trials."""
    found = own(name) or KERNEL_MACHINES.get(name)
    return found.version if found is not None else TIMM_VERSION
