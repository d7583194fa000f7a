"""Draws a small made-up set of faces, so that every command can be tried without any real data.

In: a folder, a number of faces and a seed. Out: the `sources` layout, `wiki/` (real) and the fakes
`text2img/`, `inpainting/`, `insight/`, with one person's images under one file name in all four. Each fake
source has an artefact of a kind known from the literature, which `planted` names.

The rule it protects: only the pixels tell the classes apart. Files have one size, format and quality, and
about as many bytes; each strength varies per image down to nearly invisible, so that no score is perfect.
Scores on this set show that the machinery works; they say nothing about detectors.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from trainables.data.planted import draw_grid
from trainables.errors import InputError

Array = NDArray[np.float32]
Colour = tuple[int, int, int]
# Points of the head's plane, across + 1j * down, in half heights of the head from its centre.
Points = NDArray[np.complexfloating]

SOURCES = ("wiki", "text2img", "inpainting", "insight")
MIN_SIZE_PX = 32
JPEG_QUALITY = 92
SUPERSAMPLING = 2
# The stream of random numbers that draws a person; the sources have 0 to 3.
PERSON_STREAM = 99

SKIN_TONES = ((252, 226, 205), (238, 196, 166), (214, 164, 126), (172, 118, 82), (122, 80, 55), (84, 54, 40))
HAIR_COLOURS = ((24, 20, 20), (58, 38, 26), (104, 66, 38), (170, 124, 66), (214, 182, 124), (168, 164, 160))
IRIS_COLOURS = ((58, 38, 24), (96, 66, 36), (92, 110, 70), (78, 116, 150), (112, 124, 130))


@dataclass(frozen=True, slots=True)
class Person:
    """What stays the same in every image of one person; each trait lies in [0, 1]."""

    tone: float
    hair_colour: float
    hair_length: float
    hairline: float
    width: float
    jaw: float
    eye_spacing: float
    eye_size: float
    iris: float
    brow_weight: float
    nose_length: float
    nose_width: float
    mouth_width: float
    lip_weight: float
    beard: float


@dataclass(frozen=True, slots=True)
class Shot:
    """What changes between photographs; a point p of the head lies at centre + scale * p, in image sizes."""

    size_px: int
    centre: complex
    scale: complex
    yaw: float
    smile: float
    light: tuple[float, float, float]
    contrast: float
    exposure: tuple[float, float, float]
    backdrop: tuple[Colour, Colour]
    clothes: Colour
    lens_blur: float
    texture_seed: int


def write_demo(
    root: Path,
    *,
    num_faces: int = 150,
    size_px: int = 160,
    seed: int = 42,
    has_cast: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, int]:
    """Draws the made-up set into `root` and returns the number of images per source.

    The set is drawn beside `root` and renamed at the end, so that half a set never carries the name. The same
    arguments give the same bytes, as long as Pillow's JPEG encoder stays the same.

    Args:
        root: a folder that does not exist yet, or is empty.
        num_faces: persons, at least 2; each gives one image per source.
        size_px: width and height of every image, at least 32.
        seed: decides everything that is drawn.
        has_cast: whether the grid of text2img has a cast beside, which shows at every image size.
        progress: called after each image with (images drawn, images in all).

    Raises:
        InputError: `root` holds something already, or a number is too small.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise InputError(f"{root} is not an empty folder: name a new one, or remove it first.")
    if num_faces < 2 or size_px < MIN_SIZE_PX:
        small = f"{num_faces} faces of {size_px} px"
        raise InputError(f"A demo set of {small} is too small: ask for 2 of {MIN_SIZE_PX} px or more.")
    root.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=root.parent, prefix=f".{root.name}-unfinished-") as unfinished:
        # One level down, because the temporary folder itself is closed to other users.
        drawn = Path(unfinished) / "set"
        for source in SOURCES:
            (drawn / source).mkdir(parents=True)
        num_drawn = 0
        for index in range(num_faces):
            images = _images(index, num_faces=num_faces, size_px=size_px, seed=seed, has_cast=has_cast)
            for source, pixels in zip(SOURCES, images, strict=True):
                path = drawn / source / f"face_{index + 1:04d}.jpg"
                Image.fromarray(pixels).save(path, quality=JPEG_QUALITY, subsampling="4:2:0")
                num_drawn += 1
                if progress is not None:
                    progress(num_drawn, num_faces * len(SOURCES))
        try:
            drawn.replace(root)
        except OSError:
            raise InputError(f"{root} was filled by somebody else meanwhile, and is left as it is.") from None
    return dict.fromkeys(SOURCES, num_faces)


def _images(
    index: int, *, num_faces: int, size_px: int, seed: int, has_cast: bool
) -> list[NDArray[np.uint8]]:
    """The four images of one person, in the order of SOURCES, each from a random stream of its own."""
    streams = [np.random.default_rng([seed, index, number]) for number in range(len(SOURCES))]
    person = _person(np.random.default_rng([seed, index, PERSON_STREAM]))
    other = (index + 1 + int(streams[3].integers(num_faces - 1))) % num_faces
    donor = _person(np.random.default_rng([seed, other, PERSON_STREAM]))
    shot = _shot(streams[0], size_px=size_px)
    scene = _draw(person, shot=shot)
    made = (
        (scene, np.ones((size_px, size_px), np.float32)),
        _text2img(streams[1], person=person, size_px=size_px, has_cast=has_cast),
        _inpainting(streams[2], scene=scene, shot=shot),
        _insight(streams[3], scene=scene, shot=shot, donor=donor),
    )
    return [_photograph(rng, scene=lit, gain=gain) for rng, (lit, gain) in zip(streams, made, strict=True)]


def _text2img(
    rng: np.random.Generator, *, person: Person, size_px: int, has_cast: bool
) -> tuple[Array, Array]:
    """A new face that shares traits with the person, under the coloured grid of two upsampling stages."""
    fresh = _person(rng)
    # Each trait is kept or drawn anew: mixing them would make generated faces more average than real ones.
    traits = {f.name: getattr(person if rng.random() < 0.6 else fresh, f.name) for f in fields(Person)}
    scene = _draw(Person(**traits), shot=_shot(rng, size_px=size_px))
    strength = _strength(rng)
    grid = draw_grid(rng, size_px=size_px, has_cast=has_cast)
    tint = strength * np.array([0.14, -0.06, 0.12])
    # What the grid adds to the size of the file, the missing sensor noise takes away.
    gain = np.full((size_px, size_px), 1 - 0.45 * strength, np.float32)
    return (scene * (1 + tint * grid[..., None])).astype(np.float32), gain


def _inpainting(rng: np.random.Generator, *, scene: Array, shot: Shot) -> tuple[Array, Array]:
    """The photograph with one or two regions repainted: smooth, without noise, inside a light seam."""
    size_px, strength = shot.size_px, _strength(rng)
    mask = np.zeros((size_px, size_px), np.float32)
    # Around the eyes, the mouth and the cheeks.
    places = rng.permutation([(0.0, -0.05), (0.0, 0.55), (0.35, 0.2), (-0.35, 0.2)])
    for across, down in places[: rng.integers(1, 3)] + rng.uniform(-0.08, 0.08, (1, 2)):
        radii = rng.uniform((0.45, 0.28), (0.65, 0.4)).tolist()
        mask = np.maximum(mask, _ellipse(shot, centre=across + 1j * down, radii=radii, feather=0.08))
    smooth = ndimage.gaussian_filter(scene, size_px / 45, axes=(0, 1))
    # The cast: repainters fall back on the rosy skin they saw most.
    smooth += strength * np.array([16, -8, 12], np.float32)
    picture = scene + (strength * mask)[..., None] * (smooth - scene)
    picture += (strength * 22 * 4 * mask * (1 - mask))[..., None]
    return picture.astype(np.float32), _same_energy(1 - 0.95 * strength * mask)


def _insight(rng: np.random.Generator, *, scene: Array, shot: Shot, donor: Person) -> tuple[Array, Array]:
    """The photograph with a donor's face blended into an ellipse, in colours and noise not quite its own."""
    strength = _strength(rng)
    mask = _ellipse(shot, centre=0.2j, radii=(0.58, 0.72), feather=0.12)
    face = _draw(donor, shot=shot)
    inside = mask > 0.5
    # Colour transfer by the mean, as swappers do it; what it misses stays as a cast.
    face = face + scene[inside].mean(axis=0) - face[inside].mean(axis=0)
    face = face + strength * (np.array([2.5, -2.5, 2.5]) + rng.normal(0, 5, 3))
    # Swappers work at a smaller size than the photograph and enlarge what they made.
    face = ndimage.gaussian_filter(face, shot.size_px / 200 * strength, axes=(0, 1))
    picture = scene + mask[..., None] * (face - scene)
    return picture.astype(np.float32), _same_energy(1 - 0.35 * strength * mask)


def _strength(rng: np.random.Generator) -> float:
    """Clear in four of five images and hard to see in the fifth: learnt in few steps, never to perfection."""
    return float(rng.uniform(0.05, 0.3) if rng.random() < 0.2 else rng.uniform(0.7, 1.0))


def _same_energy(gain: Array) -> Array:
    """Scaled to a mean square of 1, or the size of the file would give away who lacks noise."""
    return np.asarray(gain / np.sqrt(np.mean(gain**2)), np.float32)


def _photograph(rng: np.random.Generator, *, scene: Array, gain: Array) -> NDArray[np.uint8]:
    """Adds sensor noise and rounds to bytes; `gain` (H, W) says where there is more or less noise."""
    size_px = scene.shape[0]
    noise = rng.normal(0, 1, scene.shape) * 0.4 + rng.normal(0, 1, (size_px, size_px, 1)) * 0.9
    # Demosaicing correlates neighbours; without it the noise would not survive a smaller input size.
    grain_px = rng.uniform(0.6, 0.9) * size_px / 160
    noise = ndimage.gaussian_filter(noise, grain_px, axes=(0, 1))
    noise *= rng.uniform(2.5, 4.5) / noise.std()
    noise *= gain[..., None] * np.sqrt((np.clip(scene, 0, 255) + 30) / 158)
    return np.clip(np.rint(scene + noise), 0, 255).astype(np.uint8)


def _person(rng: np.random.Generator) -> Person:
    return Person(*rng.random(len(fields(Person))).tolist())


def _shot(rng: np.random.Generator, *, size_px: int) -> Shot:
    light = np.array([rng.uniform(-0.7, 0.7), rng.uniform(-0.7, 0.1), 0.8])
    # Near grey: vivid backdrops would drown what a short training can learn.
    colours = [_rgb(rng.uniform(40, 200) + rng.normal(0, 11, 3)) for _ in range(3)]
    bright, warmth = rng.uniform(0.75, 1.1), rng.normal(0, 0.04)
    return Shot(
        size_px=size_px,
        centre=rng.uniform(0.42, 0.58) + 1j * rng.uniform(0.44, 0.54),
        scale=rng.uniform(0.28, 0.37) * np.exp(1j * rng.normal(0, 0.09)),
        yaw=rng.uniform(-0.12, 0.12),
        smile=rng.uniform(-0.3, 1.0),
        light=tuple((light / np.linalg.norm(light)).tolist()),
        contrast=rng.uniform(0.25, 0.75),
        exposure=(bright * (1 + warmth), bright, bright * (1 - warmth)),
        backdrop=(colours[0], colours[1]),
        clothes=colours[2],
        lens_blur=rng.uniform(0.4, 0.9),
        texture_seed=int(rng.integers(2**32)),
    )


def _draw(person: Person, *, shot: Shot) -> Array:
    """One noise-free scene, float32 (H, W, 3) in 0 to 255."""
    rng, size_px, wide = np.random.default_rng(shot.texture_seed), shot.size_px, 0.68 + 0.16 * person.width
    canvas = _backdrop(rng, shot=shot).resize((size_px * SUPERSAMPLING,) * 2)
    _Brush(ImageDraw.Draw(canvas), person=person, shot=shot, wide=wide).face()
    scene = np.asarray(canvas.resize((size_px, size_px), Image.Resampling.LANCZOS), np.float32)
    plane = _head_plane(shot)
    across, down = plane.real / wide, plane.imag
    radius2 = across**2 + down**2
    lit = across * shot.light[0] + down * shot.light[1] + np.sqrt(np.maximum(0, 1 - radius2)) * shot.light[2]
    # Outside the head the light falls off across the picture, as it does on a wall.
    lit = np.where(radius2 < 1, lit - 0.6, 0.15 * across * shot.light[0] - 0.1)
    shade = ndimage.gaussian_filter(1 + shot.contrast * lit, size_px / 60)
    pores = ndimage.gaussian_filter(rng.normal(0, 1, (size_px, size_px)), size_px / 110)
    shade *= 1 + 0.02 * pores / pores.std()
    lit_scene = scene * shade[..., None] * shot.exposure
    blurred = ndimage.gaussian_filter(lit_scene, shot.lens_blur * size_px / 160, axes=(0, 1))
    return np.asarray(blurred.clip(0, 255), np.float32)


def _backdrop(rng: np.random.Generator, *, shot: Shot) -> Image.Image:
    """A gradient between two colours at any angle, with soft grey blobs on it."""
    size_px, angle = shot.size_px, rng.uniform(0, 2 * np.pi)
    down, across = np.mgrid[0 : 1 : size_px * 1j, 0 : 1 : size_px * 1j] - 0.5
    weight = np.clip(0.5 + across * np.cos(angle) + down * np.sin(angle), 0, 1)[..., None]
    first, second = np.array(shot.backdrop, np.float64)
    blobs = ndimage.gaussian_filter(rng.normal(0, 1, (size_px, size_px)), size_px * rng.uniform(0.02, 0.1))
    blobs *= rng.uniform(1, 7) / blobs.std()
    picture = first * weight + second * (1 - weight) + blobs[..., None]
    return Image.fromarray(picture.clip(0, 255).astype(np.uint8))


def _head_plane(shot: Shot) -> NDArray[np.complex128]:
    """Where every pixel (H, W) lies in the head's plane; see Points."""
    line = (np.arange(shot.size_px) + 0.5) / shot.size_px
    return np.asarray((line + 1j * line[:, None] - shot.centre) / shot.scale, np.complex128)


def _ellipse(shot: Shot, *, centre: complex, radii: Sequence[float], feather: float) -> Array:
    """A soft mask (H, W) in 0 to 1 in the head's plane; `radii` are across and down."""
    plane = _head_plane(shot) - centre - shot.yaw
    distance = np.hypot(plane.real / radii[0], plane.imag / radii[1])
    edge = 0.5 - (distance - 1) * float(np.mean(radii)) / (2 * feather)
    return np.asarray(np.clip(edge, 0, 1), np.float32)


def _between(palette: Sequence[Colour], *, position: float) -> Array:
    """The colour at a position in 0 to 1 along a palette."""
    stops, channels = np.linspace(0, 1, len(palette)), zip(*palette, strict=True)
    return np.array([np.interp(position, stops, channel) for channel in channels], np.float32)


def _rgb(colour: NDArray[np.floating], *, factor: float = 1.0) -> Colour:
    red, green, blue = np.clip(colour * factor, 0, 255).astype(int).tolist()
    return red, green, blue


@dataclass(frozen=True, slots=True)
class _Brush:
    """Draws the parts of one head on a canvas, in the head's plane."""

    canvas: ImageDraw.ImageDraw
    person: Person
    shot: Shot
    wide: float

    def face(self) -> None:
        """All parts, from the back to the front."""
        skin = _between(SKIN_TONES, position=self.person.tone)
        hair = _between(HAIR_COLOURS, position=self.person.hair_colour)
        self._behind(skin, hair)
        self._head(skin, hair)
        for side in (-1, 1):
            self._eye(self.person, side, skin, hair)
        self._nose_and_mouth(self.person, skin)

    def _behind(self, skin: Array, hair: Array) -> None:
        if self.person.hair_length > 0.5:
            self._oval(0.1j, self.wide * 1.18, 0.8 + 0.6 * self.person.hair_length, _rgb(hair, factor=0.85))
        self._both_sides([0.36 + 0.6j, 0.42 + 1.3j, 1.5j], _rgb(skin, factor=0.82))
        self._both_sides([0.4 + 1.15j, 1.5 + 1.45j, 1.8 + 4j], self.shot.clothes)
        self._both_sides([0.38 + 1j, 0.36 + 1.2j, 1.4j], _rgb(skin, factor=0.85))
        for side in (-1, 1):
            self._oval(side * self.wide + 0.08j, 0.11, 0.2, _rgb(skin, factor=0.92))

    def _head(self, skin: Array, hair: Array) -> None:
        person, wide = self.person, self.wide
        angle = np.linspace(0, 2 * np.pi, 72)
        narrowing = 1 - (0.1 + 0.22 * person.jaw) * np.clip(np.sin(angle), 0, 1) ** 2
        head = wide * np.cos(angle) * narrowing + 1j * np.sin(angle)
        self._polygon(head, _rgb(skin))
        if person.beard > 0.65:
            jaw = 0.99 * head[(angle > 0.12 * np.pi) & (angle < 0.88 * np.pi)]
            upper = np.array([-0.45 * wide + 0.5j, 0.36j, 0.45 * wide + 0.5j])
            self._polygon(np.concatenate([jaw, upper]), _rgb(0.45 * skin + 0.55 * hair))
        if person.hair_length > 0.08:
            # Outside along the skull, inside along the hairline.
            angle = np.linspace(1.02 * np.pi, 1.98 * np.pi, 40)
            skull = 1.06 * wide * np.cos(angle) + 1.08j * np.sin(angle)
            line = np.linspace(0.96, -0.96, 30)
            height = -0.82 + 0.34 * person.hairline + 0.45 * np.abs(line) ** (2 + 4 * person.jaw)
            self._polygon(np.concatenate([skull, wide * line + 1j * height]), _rgb(hair))

    def _eye(self, person: Person, side: int, skin: Array, hair: Array) -> None:
        x = side * (0.27 + 0.08 * person.eye_spacing) + self.shot.yaw
        wide, high = 0.13 + 0.04 * person.eye_size, 0.05 + 0.035 * person.eye_size
        turn = np.linspace(0, np.pi, 14)
        lid = x - 0.08j + wide * np.cos(turn) - 1j * high * np.sin(turn)
        low = x - 0.08j - wide * np.cos(turn) + 0.8j * high * np.sin(turn)
        self._oval(x - 0.09j, wide * 1.35, high * 2.0, _rgb(skin, factor=0.9))
        self._polygon(np.concatenate([lid, low]), (236, 232, 228))
        gaze = x + self.shot.yaw * 0.2 - 0.085j
        self._oval(gaze, high, high, _rgb(_between(IRIS_COLOURS, position=person.iris)))
        self._oval(gaze, high * 0.45, high * 0.45, (12, 10, 10))
        self._oval(gaze + 0.02 - 0.02j, 0.013, 0.013, (250, 250, 250))
        self._stroke(lid, 0.025, _rgb(skin, factor=0.35))
        brow = x - 1j * (0.22 + 0.06 * person.eye_spacing)
        arc = brow + np.array([-1.3 * wide, -1j * (0.05 + 0.04 * self.shot.smile), 1.3 * wide])
        self._stroke(arc, 0.03 + 0.05 * person.brow_weight, _rgb(0.8 * hair + 0.1 * skin))

    def _nose_and_mouth(self, person: Person, skin: Array) -> None:
        wide = 0.09 + 0.07 * person.nose_width
        tip = self.shot.yaw * 1.3 + 1j * (0.26 + 0.12 * person.nose_length)
        shadow = wide if self.shot.light[0] < 0 else -wide
        self._polygon(np.array([tip.real - 0.1j, tip + shadow, tip + 0.03j]), _rgb(skin, factor=0.9))
        self._oval(tip - 0.02j, wide * 0.7, 0.07, _rgb(skin, factor=1.04))
        for side in (-1, 1):
            self._oval(tip + side * wide * 0.6 + 0.025j, wide * 0.28, 0.022, _rgb(skin, factor=0.45))
        lips, line = skin * np.array([0.95, 0.55, 0.57]), np.linspace(-1, 1, 17)
        corner = 0.58 + 0.05 * person.nose_length - 0.09 * self.shot.smile * line**2
        middle = self.shot.yaw + (0.2 + 0.12 * person.mouth_width) * line + 1j * corner
        arch = 1j * (0.03 + 0.05 * person.lip_weight) * (1 - line**2)
        self._polygon(np.concatenate([middle, (middle - arch)[::-1]]), _rgb(lips, factor=0.9))
        self._polygon(np.concatenate([middle, (middle + 1.3 * arch)[::-1]]), _rgb(lips))
        self._stroke(middle, 0.02, _rgb(lips, factor=0.45))

    def _both_sides(self, right: Sequence[complex], colour: Colour) -> None:
        half = np.array(right, np.complex128)
        self._polygon(np.concatenate([half, -half.conj()[::-1]]), colour)

    def _oval(self, centre: complex, across: float, down: float, colour: Colour) -> None:
        angle = np.linspace(0, 2 * np.pi, 32)
        self._polygon(centre + across * np.cos(angle) + 1j * down * np.sin(angle), colour)

    def _stroke(self, points: Points, weight: float, colour: Colour) -> None:
        width_px = max(1, round(weight * abs(self.shot.scale) * self.shot.size_px * SUPERSAMPLING))
        self.canvas.line(self._place(points), fill=colour, width=width_px, joint="curve")

    def _polygon(self, points: Points, colour: Colour) -> None:
        self.canvas.polygon(self._place(points), fill=colour)

    def _place(self, points: Points) -> list[tuple[float, float]]:
        placed = (self.shot.centre + self.shot.scale * points) * self.shot.size_px * SUPERSAMPLING
        return list(zip(placed.real.tolist(), placed.imag.tolist(), strict=True))
