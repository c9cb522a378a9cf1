"""Encrypted files: pieces of text by AES-SIV (RFC 5297), each bound to its file and its place.

A piece that is changed, left out, moved or cut off is noticed. Without a salt the same content is the same bytes, so
that what is named by its digest keeps its name; whoever sees two such files learns which of their pieces are equal.
"""

import io
import os
import re
from pathlib import Path
from typing import IO, Any

from attrs import frozen

from ftctl.errors import UsageError
from ftctl.ports.data_source import DataSourceError

MAGIC = b"ftctl-sealed-1\n"
PIECE, TAG, SALT = 64 << 10, 16, 16
"""Bytes of a piece, of what proves it, and of a file's own part of each proof."""

NO_SALT = bytes(SALT)
_MORE, _LAST = b"\0", b"\1"
"""How a piece begins: so none is empty, and the last one is known."""

_NEXT_STEP = "a key is 64 hexadecimal digits: openssl rand -hex 32"


@frozen
class KeyPlace:
    """Location of a key: an environment variable, or a file."""

    env: str | None = None
    file: str | None = None

    def key(self) -> bytes:
        """Return the key: 32 bytes from hexadecimal digits.

        Raises:
            UsageError: there are none.
        """
        if self.file is not None:
            return _spelled(f"the file {self.file} cannot be read, or holds no key", self._read())
        return _spelled(
            f"the environment variable {self.env} is not set, or no key", os.environ.get(self.env or "", "")
        )

    def _read(self) -> str:
        try:
            return Path(self.file or "").expanduser().read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError):
            return ""


def key_place(env: str | None, file: str | None) -> KeyPlace | None:
    """Return the location of a key from its options; ``None`` if neither is given.

    Raises:
        UsageError: both are.
    """
    if env is not None and file is not None:
        raise UsageError("key_env and key_file both say where the key is; name one")
    return None if env is None and file is None else KeyPlace(env, file)


def _spelled(problem: str, text: str) -> bytes:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text.strip()):
        raise UsageError(problem, next_step=_NEXT_STEP)
    return bytes.fromhex(text.strip())


def key_mark(key: bytes) -> str:
    """Return a text that identifies a key without revealing it."""
    return _derived(key, b"mark").hex()[:16]


def _derived(key: bytes, purpose: bytes) -> bytes:
    try:
        from cryptography.hazmat.primitives.hashes import SHA512
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF
    except ImportError as error:
        raise DataSourceError(".enc needs cryptography", next_step="pip install 'ftctl[data]'") from error
    return HKDF(SHA512(), 64, None, MAGIC + purpose).derive(key)


def _cipher(key: bytes) -> Any:
    made = _derived(key, b"pieces")
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

    return AESSIV(made)


class Sealing(io.RawIOBase):
    """Stream that writes encrypted pieces to ``file``.

    Raises:
        DataSourceError: ``cryptography`` is not installed.
    """

    def __init__(self, file: IO[bytes], key: bytes, salt: bytes | None = None) -> None:
        self._file, self._cipher = file, _cipher(key)
        self._salt = os.urandom(SALT) if salt is None else salt
        self._number, self._left = 0, bytearray()
        file.write(MAGIC + self._salt)

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self._left += content
        while len(self._left) > PIECE:
            self._piece(_MORE, bytes(self._left[:PIECE]))
            del self._left[:PIECE]
        return len(content)

    def __exit__(self, *raised: object) -> None:
        if raised[0] is not None:
            # what is not whole must not look as if it were
            self._file.close()
        self.close()

    def close(self) -> None:
        """Write the last piece, which marks the end of a complete file, and flush it to disk."""
        if not self._file.closed:
            self._piece(_LAST, bytes(self._left))
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
        super().close()

    def _piece(self, sign: bytes, content: bytes) -> None:
        self._file.write(self._cipher.encrypt(sign + content, _bound(self._salt, self._number)))
        self._number += 1


class Sealed(io.RawIOBase):
    """Stream of the content of an encrypted file.

    Raises:
        DataSourceError: it is none, of another key, or was changed or cut off.
    """

    def __init__(self, file: IO[bytes], key: bytes, name: str) -> None:
        self._file, self._name, self._cipher = file, name, _cipher(key)
        head = file.read(len(MAGIC) + SALT)
        if not head.startswith(MAGIC):
            raise DataSourceError(f"{name}: not an encrypted file of ftctl")
        self._salt, self._number = head[len(MAGIC) :], 0
        self._next, self._left = file.read(1 + PIECE + TAG), b""
        if not self._next:
            raise DataSourceError(f"{name}: the file was cut off", next_step="check the file")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left and self._next:
            self._left = self._opened()
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count

    def _opened(self) -> bytes:
        from cryptography.exceptions import InvalidTag

        piece, self._next = self._next, self._file.read(1 + PIECE + TAG)
        try:
            opened: bytes = self._cipher.decrypt(piece, _bound(self._salt, self._number))
            if opened[:1] != (_MORE if self._next else _LAST):
                raise InvalidTag
        except (InvalidTag, ValueError) as error:
            text = f"{self._name}: another key, or the file was changed or cut off"
            raise DataSourceError(text, next_step="check the key and the file") from error
        self._number += 1
        return opened[1:]

    def close(self) -> None:
        super().close()
        self._file.close()


def _bound(salt: bytes, number: int) -> list[bytes]:
    return [MAGIC, salt, number.to_bytes(8, "big")]
