"""``encrypt``: encrypt the data set and the stage's temporary files."""

import io
from typing import BinaryIO, cast

from ftctl.errors import UsageError
from ftctl.plugin import option, options
from ftctl.ports import SealOperator
from ftctl_adapters.records.encrypted_files import NO_SALT, PIECE, Sealed, Sealing, key_mark, key_place


@options
class EncryptOptions:
    """Options of `Encrypt`."""

    key_env: str | None = option(None, help="Name of the environment variable with the key, in 64 hexadecimal digits.")
    key_file: str | None = option(None, help="The file with the key, instead.")


class Encrypt(SealOperator):
    """Encrypts by AES-SIV, which makes equal bytes of equal rows."""

    def __init__(self, options: EncryptOptions) -> None:
        place = key_place(options.key_env, options.key_file)
        if place is None:
            raise UsageError("encrypt: no key", next_step="say where it is: key_env or key_file")
        self._place = place

    def fingerprint(self) -> str:
        return key_mark(self._place.key())

    def sealing(self, file: BinaryIO) -> BinaryIO:
        return cast("BinaryIO", Sealing(file, self._place.key(), NO_SALT))

    def opening(self, file: BinaryIO) -> BinaryIO:
        name = str(getattr(file, "name", "a file"))
        return io.BufferedReader(Sealed(file, self._place.key(), name), PIECE)
