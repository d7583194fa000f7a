"""Texts and colour profiles of PNG files, bounded: what is too large is passed over, and the picture is read.

Programs that generate images write their whole workflow into a text, and a few bytes can stand for any amount
of it. Neither may keep an image out (then fakes alone would be left out), nor fill the memory. Texts that are
kept are facts of the file, which the shortcut check looks at.
"""

import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Of all texts of a file together, unpacked.
MAX_TEXT_BYTES = 8 * 2**20
# Length, kind and check sum stand around the data of a chunk.
_LENGTH, _HEAD, _AROUND = 4, 8, 12
_PACKED = (b"zTXt", b"iCCP")


def with_bounded_texts(content: bytes) -> bytes:
    """Return a PNG file without the texts that go beyond MAX_TEXT_BYTES; other files as they are."""
    if not content.startswith(SIGNATURE):
        return content
    view, left = memoryview(content), MAX_TEXT_BYTES
    parts, begin, place = [], 0, len(SIGNATURE)
    while place + _HEAD <= len(content):
        end = place + _AROUND + int.from_bytes(view[place : place + _LENGTH])
        kind = bytes(view[place + _LENGTH : place + _HEAD])
        if kind in (b"tEXt", b"iTXt", *_PACKED):
            size = _unpacked_bytes(kind, bytes(view[place + _HEAD : end - _LENGTH]), most=left)
            if size > left:
                parts.append(view[begin:place])
                begin = end
            else:
                left -= size
        place = end
    return b"".join([*parts, view[begin:]]) if parts else content


def _unpacked_bytes(kind: bytes, data: bytes, *, most: int) -> int:
    """Return how long a text is once it is unpacked; of longer ones, something above `most`."""
    rest = data.partition(b"\x00")[2]
    packed = b""
    if kind in _PACKED:
        packed = rest[1:]
    elif kind == b"iTXt" and rest[:1] == b"\x01":
        # Behind flag and method stand a language and a translated name, each with a zero byte.
        packed = rest[2:].partition(b"\x00")[2].partition(b"\x00")[2]
    try:
        unpacked = zlib.decompressobj().decompress(packed, most + 1) if packed else b""
    except zlib.error:
        unpacked = b""
    return max(len(data), len(unpacked))
