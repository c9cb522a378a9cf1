"""Encrypted files: AES-256-GCM over pieces, in the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015.

A piece that is changed, left out, moved or cut off is noticed.
"""

import io
import os
import re
from typing import IO, Any

from ftctl.errors import UsageError
from ftctl.ports.data_source import DataSourceError

MAGIC = b"ftctl-sealed-1\n"
PIECE, TAG, SALT = 64 << 10, 16, 7
"""Bytes of a piece, of what proves it, and of a file's own part of each nonce."""


def key_of(name: str) -> bytes:
    """The 32 bytes that a variable spells in hexadecimal digits.

    Raises:
        UsageError: it does not.
    """
    text = os.environ.get(name, "").strip()
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise UsageError(f"the environment variable {name} is not set, or no key",
                         next_step="a key is 64 hexadecimal digits: openssl rand -hex 32")  # fmt: skip
    return bytes.fromhex(text)


def _cipher(key: bytes) -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError as error:
        raise DataSourceError(".enc needs cryptography", next_step="pip install 'ftctl[data]'") from error
    return AESGCM(key)


def _nonce(salt: bytes, number: int, last: bool) -> bytes:
    return salt + number.to_bytes(4, "big") + (b"\1" if last else b"\0")


class Sealing:
    """Writes what it is given in encrypted pieces; `end` writes the last one."""

    def __init__(self, file: IO[bytes], key: bytes) -> None:
        self._file, self._cipher, self._salt = file, _cipher(key), os.urandom(SALT)
        self._number, self._left = 0, bytearray()
        file.write(MAGIC + self._salt)

    def write(self, content: bytes) -> int:
        """Takes the content, and returns how many bytes that were."""
        self._left += content
        while len(self._left) > PIECE:
            self._piece(bytes(self._left[:PIECE]), last=False)
            del self._left[:PIECE]
        return len(content)

    def end(self) -> None:
        """The last piece, by which a file that was cut off is known."""
        self._piece(bytes(self._left), last=True)

    def _piece(self, content: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._salt, self._number, last), content, MAGIC))
        self._number += 1


class Sealed(io.RawIOBase):
    """The content of an encrypted file.

    Raises:
        DataSourceError: it is none, of another key, or was changed or cut off.
    """

    def __init__(self, file: IO[bytes], key: bytes, name: str) -> None:
        self._file, self._name, self._cipher = file, name, _cipher(key)
        head = file.read(len(MAGIC) + SALT)
        if not head.startswith(MAGIC):
            raise DataSourceError(f"{name}: not an encrypted file of ftctl")
        self._salt, self._number = head[len(MAGIC) :], 0
        self._next, self._left = file.read(PIECE + TAG), b""
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

        piece, self._next = self._next, self._file.read(PIECE + TAG)
        try:
            nonce = _nonce(self._salt, self._number, last=not self._next)
            opened: bytes = self._cipher.decrypt(nonce, piece, MAGIC)
        except (InvalidTag, ValueError) as error:
            text = f"{self._name}: another key, or the file was changed or cut off"
            raise DataSourceError(text, next_step="check the key and the file") from error
        self._number += 1
        return opened

    def close(self) -> None:
        super().close()
        self._file.close()
