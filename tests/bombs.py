"""Files of some kilobytes that stand for gigabytes, or would run code: what a reader has to refuse."""

import io
import json
import os
import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow
from pyarrow import parquet


def png_bomb(width: int, height: int, *, text: bytes = b"") -> bytes:
    """A PNG of that many grey pixels, all black, in about a thousandth of their bytes, and a comment."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(width + 1)) for _ in range(height)) + packer.flush()
    comment = chunk(b"zTXt", b"comment\x00\x00" + zlib.compress(text, 9))
    parts = [chunk(b"IHDR", header), comment, chunk(b"IDAT", rows), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def header_bombs() -> dict[str, bytes]:
    """Return images of a few bytes whose heads claim thousands of megapixels."""
    return {
        "header.bmp": b"BM"
        + struct.pack("<IHHIIiiHHIIiiII", 100, 0, 0, 54, 40, 60_000, 60_000, 1, 24, *[0] * 6),
        "frame.gif": b"GIF89a\x08\x00\x08\x00\x80\x00\x00"
        + bytes(6)
        + b",\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02",
        "strip.tif": b"II*\x00\x08\x00\x00\x00\x04\x00"
        + struct.pack("<HHII", 256, 4, 1, 2**31 - 1)
        + struct.pack("<HHII", 257, 4, 1, 2**31 - 1)
        + struct.pack("<HHII", 273, 4, 1, 8)
        + struct.pack("<HHII", 279, 4, 1, 2**32 - 1)
        + bytes(4),
    }


class RunsCode:
    """An object whose pickle makes a folder when it is read: the proof that code of a file ran."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.proof),)


def running_pickle(proof: Path) -> bytes:
    """Return a pickle that makes the folder `proof`."""
    # The protocol that torch.save has, whose reader looks further into it than into others.
    return pickle.dumps({"x": RunsCode(proof)}, protocol=2)


def safetensors_file(header: Any, data: bytes = b"", *, length: int | None = None) -> bytes:
    """Return a file of tensors with any header, of any length that it claims."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor_header(*shape: int, start: int = 0, end: int = 4, dtype: str = "F32") -> dict[str, Any]:
    """Return what a header of such a file says of one tensor."""
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}


def parquet_of_many_rows(path: Path, num_rows: int = 5_000_000) -> Path:
    """Write a table of one value in so many rows, which is some kilobytes."""
    schema = pyarrow.schema([("path", pyarrow.string()), ("label", pyarrow.int8())])
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        indices = pyarrow.array(np.zeros(num_rows // 50, dtype=np.int8))
        text = pyarrow.DictionaryArray.from_arrays(indices, pyarrow.array(["a.png"])).cast(pyarrow.string())
        label = pyarrow.array(np.zeros(num_rows // 50, dtype=np.int8))
        for _ in range(50):
            writer.write_table(pyarrow.table([text, label], schema=schema))
    return path


def parquet_of_long_text(path: Path, num_rows: int = 5_000) -> Path:
    """Write a table of one long text in many rows: gigabytes, were it written out."""
    text = pyarrow.array(["x" * 1_000_000])
    column = pyarrow.DictionaryArray.from_arrays(pyarrow.array(np.zeros(num_rows, dtype=np.int32)), text)
    table = pyarrow.table({"path": column, "label": pyarrow.array(np.zeros(num_rows, dtype=np.int8))})
    # Without the note on its own types, a reader gets texts.
    parquet.write_table(table, path, compression="zstd", store_schema=False)
    return path


def parquet_with_code(path: Path, proof: Path) -> Path:
    """Write a table with a column whose type is a pickle, which earlier versions of Arrow opened."""
    field = pyarrow.field("path", pyarrow.string()).with_metadata(
        {
            b"ARROW:extension:name": b"arrow.py_extension_type",
            b"ARROW:extension:metadata": running_pickle(proof),
        }
    )
    table = pyarrow.table([pyarrow.array(["c/a.png"])], schema=pyarrow.schema([field]))
    parquet.write_table(table, path)
    return path


def parquet_with_notes(path: Path, notes: bytes) -> Path:
    """Write a table of images whose notes of pandas are these bytes."""
    table = pyarrow.Table.from_pandas(pd.DataFrame({"path": ["c/a.png", "c/b.png"], "label": [0, 1]}))
    parquet.write_table(table.replace_schema_metadata({b"pandas": notes}), path)
    return path


def packed_archive(members: dict[str, bytes]) -> bytes:
    """Return a zip archive of these members, packed."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return stream.getvalue()


def nested(depth: int = 100_000, *, key: str = "") -> str:
    """Return JSON lists in each other; with a key, as its value."""
    lists = "[" * depth + "]" * depth
    return f'{{"{key}": {lists}}}' if key else lists


def laughs(levels: int = 12) -> str:
    """Return YAML of some lines that stands for 9 ** levels texts."""
    lines = ["l0: &l0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "provider: {type: aws}\n" + "\n".join(lines) + "\n"
