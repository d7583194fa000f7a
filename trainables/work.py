"""Work that a network does for one image, known of every backbone of the registry without importing torch.

The numbers are those of `trainables.models.counting` at 128 px for two classes; a test counts them again.
Convolutions are most of all of them, whose work grows with the number of pixels.
"""

from dataclasses import asdict, dataclass

from trainables.backbones import timm_name

KNOWN_PX = 128


@dataclass(frozen=True, slots=True)
class Work:
    """Work for one image of `image_size` px: one forward pass.

    `flops` are operations in convolutions, matrix products and attention, `grouped_flops` those of them in
    convolutions with groups; `activations` the numbers that all layers put out, and `layers` how many layers
    there are.
    """

    flops: int
    grouped_flops: int
    activations: int
    layers: int
    parameters: int
    image_size: int = KNOWN_PX

    def at(self, image_size: int) -> "Work":
        """Return the work for an image of another size."""
        scale = (image_size / self.image_size) ** 2
        return Work(
            flops=round(self.flops * scale),
            grouped_flops=round(self.grouped_flops * scale),
            activations=round(self.activations * scale),
            layers=self.layers,
            parameters=self.parameters,
            image_size=image_size,
        )

    def plain(self) -> dict[str, int]:
        """Return plain values, to cross from another process."""
        return asdict(self)


KNOWN: dict[str, Work] = {
    "simple_cnn-micro": Work(25_952_320, 0, 745_569, 16, 6_121),
    "simple_cnn-small": Work(89_653_376, 0, 1_491_137, 16, 23_761),
    "simple_cnn-medium": Work(481_296_896, 0, 3_195_649, 20, 389_153),
    "simple_cnn-large": Work(1_868_563_456, 0, 6_391_297, 20, 1_552_449),
    "fingerprint_net": Work(4_985_594_112, 0, 11_424_529, 196, 25_179_395),
    "skip_con_cnn": Work(44_678_250_752, 0, 39_358_849, 26, 8_694_529),
    "three_cnn": Work(1_059_520_768, 0, 5_723_137, 19, 691_265),
    "ensemble_cnn": Work(45_737_772_032, 0, 45_082_117, 52, 9_386_101),
    "dual_stream": Work(690_729_472, 13_529_088, 11_368_353, 230, 4_137_746),
    "deepfake_net": Work(1_236_271_360, 0, 5_964_033, 27, 288_033),
    "deepfake_net2": Work(1_236_271_360, 0, 5_964_033, 27, 288_033),
    "deepfake_vgg_ensemble": Work(11_497_644_672, 0, 19_767_748, 85, 134_561_379),
    "vgg16_bn": Work(10_261_372_928, 0, 13_803_522, 54, 134_273_089),
    "resnet18": Work(1_184_367_616, 0, 2_933_761, 77, 11_177_025),
    "resnet34": Work(2_392_327_168, 0, 4_572_161, 141, 21_285_185),
    "resnet50": Work(2_669_154_304, 0, 11_366_401, 191, 23_510_081),
    "efficientnet_b0": Work(251_972_096, 22_551_552, 7_443_193, 239, 4_008_829),
    "convnext_tiny": Work(2_909_234_688, 68_640_768, 15_979_009, 197, 27_820_897),
    "mobilenetv2_100": Work(195_590_656, 13_529_088, 8_118_273, 203, 2_225_153),
    "mobilenetv3_small_100": Work(37_650_432, 4_872_192, 1_596_689, 165, 1_518_881),
}  # fmt: skip


def known_work(backbone: str, *, cnn_preset: str, image_size: int) -> Work | None:
    """Return the work of a backbone of the registry; None of another one of timm's."""
    name = f"simple_cnn-{cnn_preset}" if backbone == "simple_cnn" else backbone
    found = KNOWN.get(name) or KNOWN.get(timm_name(backbone))
    return None if found is None else found.at(image_size)
