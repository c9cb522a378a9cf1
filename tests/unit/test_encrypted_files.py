"""Encrypted files: what was written comes back, and nothing else does."""

import gzip
import io
import json
import tempfile
from pathlib import Path

import pytest

from ftctl.errors import UsageError
from ftctl.ports.data_source import DataSourceError
from ftctl_adapters.records.encrypted_files import (
    MAGIC,
    NO_SALT,
    PIECE,
    SALT,
    TAG,
    KeyPlace,
    Sealed,
    Sealing,
    key_mark,
    key_place,
)
from ftctl_adapters.records.locations import find_places
from ftctl_adapters.records.tables import read_rows

KEY, OTHER = bytes(range(32)), bytes(32)
CONTENT = b"planted secret " * 20_000


def sealed(content: bytes, salt: bytes | None = None) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.enc"
        with Sealing(path.open("wb"), KEY, salt) as sealing:
            for start in range(0, len(content), 1000):
                sealing.write(content[start : start + 1000])
        return path.read_bytes()


def opened(content: bytes, key: bytes = KEY) -> bytes:
    return io.BufferedReader(Sealed(io.BytesIO(content), key, "a.enc")).read()


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, len(CONTENT)])
def test_what_was_written_comes_back(size: int) -> None:
    written = sealed(CONTENT[:size])
    assert opened(written) == CONTENT[:size]
    assert b"planted" not in written
    assert sealed(CONTENT[:size]) != written
    assert sealed(CONTENT[:size], NO_SALT) == sealed(CONTENT[:size], NO_SALT)


def test_what_was_changed_moved_or_cut_is_refused() -> None:
    written, head, step = sealed(CONTENT), len(MAGIC) + SALT, 1 + PIECE + TAG
    pieces = [written[start : start + step] for start in range(head, len(written), step)]
    assert len(pieces) > 3
    flipped = bytearray(written)
    flipped[head + 5] ^= 1
    swapped = [pieces[1], pieces[0], *pieces[2:]]
    wrong = [bytes(flipped), written[:-1], written[:-step], written[: head + step], written + pieces[-1],
             written[:head] + b"".join(pieces[1:]), written[:head] + b"".join(swapped)]  # fmt: skip
    for content in wrong:
        with pytest.raises(DataSourceError, match="another key, or the file was changed"):
            opened(content)
    for cut in (head, head - 3):
        with pytest.raises(DataSourceError, match="cut off"):
            opened(written[:cut])
    with pytest.raises(DataSourceError, match="another key"):
        opened(written, OTHER)
    with pytest.raises(DataSourceError, match="not an encrypted file"):
        opened(b"plain text")


def test_encrypted_and_packed_rows_are_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_KEY", KEY.hex())
    (tmp_path / "rows.jsonl.gz.enc").write_bytes(sealed(gzip.compress(json.dumps({"text": "a"}).encode())))
    (place,) = find_places(str(tmp_path / "rows.jsonl.gz.enc"), key=KeyPlace("DATA_KEY"))
    assert [row[1] for row in read_rows(place)] == [{"text": "a"}]
    (closed,) = find_places(str(tmp_path / "rows.jsonl.gz.enc"))
    with pytest.raises(DataSourceError, match="is encrypted"):
        list(read_rows(closed))


@pytest.mark.parametrize("value", [None, "", "00", "g" * 64])
def test_what_is_no_key_is_refused(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATA_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("DATA_KEY", value)
    with pytest.raises(UsageError, match="no key"):
        KeyPlace("DATA_KEY").key()


def test_a_key_lies_in_a_variable_or_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_KEY", KEY.hex())
    file = tmp_path / "key"
    file.write_text(f"{KEY.hex()}\n")
    found = [key_place("DATA_KEY", None), key_place(None, str(file))]
    assert [place and place.key() for place in found] == [KEY, KEY]
    assert key_place(None, None) is None
    with pytest.raises(UsageError, match="name one"):
        key_place("DATA_KEY", str(file))
    file.write_bytes(b"\xff" * 64)
    for path in (file, tmp_path / "none"):
        with pytest.raises(UsageError, match="holds no key"):
            KeyPlace(file=str(path)).key()


def test_a_key_is_known_by_its_mark() -> None:
    assert key_mark(KEY) == key_mark(KEY) != key_mark(OTHER)
    assert key_mark(KEY) not in KEY.hex()
