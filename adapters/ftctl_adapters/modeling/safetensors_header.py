"""Read the header of a safetensors file without trusting it. Format: 8 bytes length, JSON, data."""

import struct
from pathlib import Path
from typing import Any

from attrs import frozen

from ftctl.errors import ModelUnsafe
from ftctl_adapters.modeling.strict_object import strict_object

MAX_HEADER = 100 << 20
_BYTES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2}
_ONE = frozenset({"I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2"})


@frozen
class TensorEntry:
    """A tensor of a file: dtype name, shape, size in bytes."""

    dtype: str
    shape: tuple[int, ...]
    size: int

    @property
    def elements(self) -> int:
        """Number of elements."""
        return self.size // (_BYTES.get(self.dtype) or 1)


def read_header(path: Path) -> dict[str, TensorEntry]:
    """Return every tensor by name.

    Raises:
        ModelUnsafe: the file is truncated, or its header is not what the format allows.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(8)
        if len(start) < 8:
            raise _bad(path, f"truncated: {size} bytes, at least 8 expected")
        (length,) = struct.unpack("<Q", start)
        if length > MAX_HEADER:
            raise _bad(path, f"its header claims {length} bytes; is it a safetensors file?")
        if 8 + length > size:
            raise _bad(path, f"truncated: {size} bytes, the header alone needs {8 + length}")
        raw = stream.read(length)
    return _entries(path, strict_object(raw, f"{path}: its header"), size - 8 - length)


def checked_entries(path: Path, header: Any) -> dict[str, TensorEntry]:
    """Return every tensor of a header whose file is elsewhere; ``path`` is its name for messages.

    Raises:
        ModelUnsafe: the header is not what the format allows.
    """
    ends = [one["data_offsets"][1] for name, one in header.items() if name != "__metadata__"]
    return _entries(path, header, max(ends, default=0))


def _entries(path: Path, header: Any, available: int) -> dict[str, TensorEntry]:
    found, spans = {}, []
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        try:
            dtype, shape = str(entry["dtype"]), tuple(int(n) for n in entry["shape"])
            begin, end = (int(n) for n in entry["data_offsets"])
        except (KeyError, TypeError, ValueError):
            raise _bad(path, f"tensor {name!r} is malformed") from None
        _check_span(path, name, dtype, shape, end - begin)
        spans.append((begin, end))
        found[name] = TensorEntry(dtype, shape, end - begin)
    _check_layout(path, sorted(spans), available)
    return found


def _check_span(path: Path, name: str, dtype: str, shape: tuple[int, ...], size: int) -> None:
    width = _BYTES.get(dtype) or (1 if dtype in _ONE else None)
    if width is None:
        raise _bad(path, f"tensor {name!r} has the unknown dtype {dtype!r}")
    count = width
    for extent in shape:
        count *= extent
    if size != count or min(shape, default=0) < 0:
        raise _bad(path, f"tensor {name!r}: {size} bytes for a {dtype} of shape {list(shape)}")


def _check_layout(path: Path, spans: list[tuple[int, int]], available: int) -> None:
    position = 0
    for begin, end in spans:
        if begin != position:
            raise _bad(path, "its tensors overlap or leave gaps")
        position = end
    if position != available:
        word = "truncated" if available < position else "longer than its header says"
        raise _bad(path, f"{word}: {position} bytes of tensors expected, {available} found")


def _bad(path: Path, reason: str) -> ModelUnsafe:
    return ModelUnsafe(f"{path}: {reason}", next_step="get the file again")
