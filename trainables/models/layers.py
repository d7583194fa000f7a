"""What several of our own networks are made of, how their weights start, and the names of their layers."""

from torch import nn


def conv_bn_relu(channels_in: int, channels_out: int, *, kernel: int = 3, dilation: int = 1) -> nn.Sequential:
    """Convolution with bias and padding kernel // 2, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, dilation=dilation),
        nn.BatchNorm2d(channels_out),
        nn.ReLU(inplace=True),
    )


def initialise(model: nn.Module) -> None:
    """Start convolutions as He et al. (2015) do, linear layers at N(0, 0.01), biases at 0."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.01)
        else:
            continue
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def head_of(model: nn.Module) -> tuple[str, ...]:
    """Return the prefixes of the parameters behind a model's features: its own word, or timm's."""
    named = getattr(model, "head_prefixes", None)
    if isinstance(named, tuple):
        return named
    classifier = getattr(model, "pretrained_cfg", {}).get("classifier", "")
    return (classifier,) if isinstance(classifier, str) else tuple(classifier)


def cam_layer_of(model: nn.Module) -> str:
    """Return the name of the module whose maps Grad-CAM looks at: a model's own word, or timm's last map."""
    named = getattr(model, "cam_layer", None)
    return named if isinstance(named, str) else str(model.feature_info[-1]["module"])  # type: ignore[index]
