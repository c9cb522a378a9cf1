"""Locate source files: a path, a pattern, or objects of a store."""

import glob
import gzip
import hashlib
import io
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Any

from attrs import evolve, field, frozen

from ftctl.ports.data_source import DataSourceError
from ftctl_adapters.records.encodings import UTF8, as_utf8
from ftctl_adapters.records.encrypted_files import KeyPlace, Sealed
from ftctl_adapters.records.url_cache import fetched
from ftctl_adapters.records.zstd import Zstd

BLOCK = 1 << 20
PACKED, SEALED = (".gz", ".zst"), ".enc"
STORES = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}
"""What opens addresses of object stores, by fsspec."""

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://")
_MAGIC = re.compile(r"[*?\[]")
_FIXED = re.compile(r"^[^*?\[]*/")


@frozen
class Place:
    """A file. ``name`` is its path below the folder that was named, as rows tell it.

    ``store`` is the file system of fsspec that ``address`` belongs to, where it is not this machine's.
    """

    name: str
    address: str
    store: Any = field(default=None, eq=False)
    key: KeyPlace | None = None
    encoding: str = UTF8
    """Of its text; what `open` yields is UTF-8 whatever it is."""

    @property
    def packing(self) -> str:
        """Return ``.gz``, ``.zst`` or an empty text."""
        ending = PurePosixPath(self.name.removesuffix(SEALED)).suffix
        return ending if ending in PACKED else ""

    @property
    def kind(self) -> str:
        """Return the file extension without compression."""
        return PurePosixPath(self.name.removesuffix(SEALED).removesuffix(self.packing)).suffix

    def raw(self) -> IO[bytes]:
        """Open its bytes as stored."""
        if self.store is None:
            return Path(self.address).open("rb")
        # without a buffer, lines of an object are read 65 times as slowly
        return io.BufferedReader(self.store.open(self.address, "rb", block_size=4 * BLOCK), BLOCK)

    def open(self) -> IO[bytes]:
        """Open its bytes, decrypted, decompressed, and in UTF-8.

        Raises:
            DataSourceError: it is encrypted, and its key is not named.
        """
        if self.encoding == UTF8:
            return self.unpacked()
        return as_utf8(self.unpacked, self.encoding, self.name)

    def unpacked(self) -> IO[bytes]:
        """Open its bytes, decrypted and decompressed."""
        raw = self._plain()
        if self.packing == ".gz":
            unpacked = gzip.GzipFile(fileobj=raw, mode="rb")
            unpacked.myfileobj = raw  # type: ignore[assignment] # which it then closes
            return unpacked  # type: ignore[return-value]
        return io.BufferedReader(Zstd(raw), BLOCK) if self.packing == ".zst" else raw

    def _plain(self) -> IO[bytes]:
        if not self.name.endswith(SEALED):
            return self.raw()
        if self.key is None:
            text = f"{self.name} is encrypted"
            raise DataSourceError(text, next_step="say where its key is, `key_env` or `key_file`, or decrypt it first")
        return io.BufferedReader(Sealed(self.raw(), self.key.key(), self.name), BLOCK)

    def size(self) -> int:
        """Return its stored size in bytes."""
        return int(self.store.size(self.address)) if self.store is not None else Path(self.address).stat().st_size

    def state(self) -> str:
        """Return a text that changes with the content: SHA-256, or the store's own version."""
        if self.store is not None:
            return str(self.store.ukey(self.address))
        with self.raw() as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]


def place_of(path: Path) -> Place:
    """Return the location of a local file, under its own name."""
    return Place(path.name, str(path))


def find_places(pattern: str, storage_env: str | None = None, key: KeyPlace | None = None) -> tuple[Place, ...]:
    """Return the named files, sorted; of a folder all that rows can be read from.

    Args:
        pattern: a path, a pattern with ``*``, ``?`` or ``**``, either in an object store (``s3://…``), or a file's
            address (``https://…``).
        storage_env: the variable that holds the store's options as JSON, as fsspec takes them.
        key: where that of encrypted files lies.

    Raises:
        DataSourceError: nothing is there, or its store cannot be asked.
    """
    scheme = _SCHEME.match(pattern)
    found = _stored(pattern, scheme[1], storage_env) if scheme else _local(pattern)
    if not found:
        said = "nothing is so called" if _MAGIC.search(pattern) else "no such file"
        raise DataSourceError(f"{pattern}: {said}", next_step="check data_source.path")
    strange = [one.name for one in found if not _is_text(one.name)]
    if strange:
        raise DataSourceError(f"{pattern}: the name of a file is no UTF-8: {strange[0]!r}", next_step="rename it")
    return tuple(sorted((evolve(one, key=key) for one in found), key=lambda one: one.name))


def _is_text(name: str) -> bool:
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def _local(pattern: str) -> list[Place]:
    path = Path(pattern)
    if path.is_dir():
        files = ((one.relative_to(path), one) for one in path.rglob("*") if one.is_file())
        return [Place(str(name), str(one)) for name, one in files if not any(p.startswith(".") for p in name.parts)]
    if path.exists() or not _MAGIC.search(pattern):
        return [place_of(path)] if path.is_file() else []
    root = _FIXED.match(pattern)
    prefix = root[0] if root else ""
    paths = (one for one in glob.iglob(pattern, recursive=True) if os.path.isfile(one))  # noqa: PTH207, PTH113 # absolute patterns
    return [Place(one.removeprefix(prefix), one) for one in paths]


def _stored(pattern: str, scheme: str, storage_env: str | None) -> list[Place]:
    if scheme == "https":
        return [place_of(fetched(pattern))]
    if scheme not in STORES:
        known = ", ".join(f"{name}://" for name in ("https", *STORES))
        raise DataSourceError(f"{pattern.partition('?')[0]}: cannot read {scheme}://; known: {known}",
                              next_step="fetch it yourself, and name the file")  # fmt: skip
    try:
        import fsspec

        return _objects(*fsspec.core.url_to_fs(pattern, **_storage_options(storage_env)))
    except ImportError as error:
        step = f"pip install 'ftctl[data]' {STORES[scheme]}"
        raise DataSourceError(f"{scheme}:// needs {STORES[scheme]}", next_step=step) from error
    except DataSourceError:
        raise
    except Exception as error:
        step = "check the address, and the store's variables or data_source.storage_env"
        text = f"{pattern}: the store cannot be asked: {type(error).__name__}"
        raise DataSourceError(text, next_step=step) from error


def _objects(store: Any, path: str) -> list[Place]:
    """Yield an object, those of a pattern, or all below a prefix."""
    store.invalidate_cache()
    if _MAGIC.search(path):
        root, names = _FIXED.match(path), store.glob(path)
        prefix = root[0] if root else ""
    elif store.isfile(path):
        prefix, names = path[: path.rfind("/") + 1], [path]
    else:
        prefix, names = path.rstrip("/") + "/", store.find(path)
    return [Place(str(name).removeprefix(prefix), str(name), store) for name in names]


def _storage_options(name: str | None) -> Mapping[str, Any]:
    if name is None:
        return {}
    try:
        found = json.loads(os.environ[name])
    except (KeyError, ValueError) as error:
        step = "it holds fsspec's options as JSON"
        raise DataSourceError(f"the environment variable {name} is not set, or no JSON", next_step=step) from error
    return found if isinstance(found, dict) else {}
