"""Sources that lie as folders below a class folder: fake/{sd,mj,dalle}, real/{ffhq,coco}.

Folders below a class are videos or persons, unless their names say otherwise: those of generators and of
sets of photos are sources, and so are all folders of a class of which at least half have such a name. Else
few folders of many images each are sources where other images lie in a class folder itself, as photos do
beside the outputs of a few generators; they remain folders for `group_by`, for they may be videos.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import replace

from trainables.data.dataset.layouts import ListedImage, Listing, in_path_order, split_of
from trainables.data.dataset.polarity import BINARY, fold, is_generic, is_numbered, kind_of, listed

# Words of names of generators and methods of manipulation, and of sets of photos.
KNOWN_WORDS = frozenset(
    "sd sdxl mj ldm adm ddpm ddim dalle glide flux midjourney firefly wukong kandinsky pixart playground "
    "diffusion stablediffusion inpainting faceswap faceshifter simswap inswapper neuraltextures gan "
    "ffhq celeba celebahq vggface coco imagenet lsun laion flickr lfw utkface metfaces afhq".split()
)
KNOWN_ENDS = ("gan", "diffusion")
# Fewer folders than folds can't be dealt as groups; a video or person seldom has so many images.
FEW_FOLDERS, MANY_IMAGES = 5, 20
_LETTERS = re.compile(r"[^\W\d_]+")


def with_sources_below(listing: Listing) -> Listing:
    """Return a listing of two classes in which folders below a class folder that are sources are so.

    Only images whose source is their class folder get another one; where real images and fakes have a folder
    of the same name, real ones are of <folder>/<class folder>.
    """
    if listing.classes != BINARY:
        return listing
    folders: dict[int, Counter[str]] = defaultdict(Counter)
    for image in listing.images:
        if _is_class(image.source):
            folders[image.label][image.inside.partition("/")[0]] += 1
    named, few = _named(folders), _few(folders)
    fakes = {name for label, name in named | few if label}
    if not named | few:
        return listing

    def completed(image: ListedImage) -> ListedImage:
        first, _, deeper = image.inside.partition("/")
        if not first or not _is_class(image.source) or (image.label, first) not in named | few:
            return image
        source = f"{first}/{image.source}" if not image.label and first in fakes else first
        inside = deeper if (image.label, first) in named else image.inside
        return replace(image, source=source, inside=inside)

    names = sorted({name for _, name in named | few})
    note = f"folders below class folders are read as sources: {listed(names)}"
    reading = replace(listing.reading, notes=(*listing.reading.notes, note))
    return replace(listing, images=in_path_order(map(completed, listing.images)), reading=reading)


def _is_class(source: str) -> bool:
    """Tell whether a source is called after its class alone; wiki is a set of photos, whatever is in it."""
    return kind_of(source) is not None and fold(source) != "wiki"


def _named(folders: Mapping[int, Mapping[str, int]]) -> set[tuple[int, str]]:
    found: set[tuple[int, str]] = set()
    for label, counts in folders.items():
        names = [name for name in counts if name]
        known = [name for name in names if _is_known(name)]
        found |= {(label, name) for name in (names if 2 * len(known) >= len(names) else known)}
    return found


def _few(folders: Mapping[int, Mapping[str, int]]) -> set[tuple[int, str]]:
    if not any("" in counts for counts in folders.values()):
        return set()
    found: set[tuple[int, str]] = set()
    for label, counts in folders.items():
        sizes = {name: size for name, size in counts.items() if name}
        are_many = all(size >= MANY_IMAGES for size in sizes.values())
        if 1 < len(sizes) < FEW_FOLDERS and are_many and all(map(_may_be_source, sizes)):
            found |= {(label, name) for name in sizes}
    return found


def _may_be_source(name: str) -> bool:
    return bool(_LETTERS.search(name)) and not (is_numbered(name) or is_generic(name) or split_of(name))


def _is_known(name: str) -> bool:
    words = _LETTERS.findall(fold(name))
    whole = "".join(words)
    return bool(KNOWN_WORDS & {*words, whole}) or any(word.endswith(KNOWN_ENDS) for word in words)
