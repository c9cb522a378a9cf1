"""``pii``: mask, hash or pseudonymise personal data, or drop its rows."""

import hashlib
import hmac
import os
import string
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

from attrs import evolve

from ftctl.domain import Dropped, Example, Outcome
from ftctl.plugin import option, options
from ftctl.ports import DataOperatorError, RowOperator, StageContext
from ftctl_adapters.records.local_phones import LocalPhones, known_regions
from ftctl_adapters.records.pii_kinds import KINDS, Find, Kind, finds, label, replaced
from ftctl_adapters.records.texts import map_texts, map_values

NAMES = tuple(kind.name for kind in KINDS)
ALPHABETS = (string.digits, string.ascii_lowercase, string.ascii_uppercase)


@options
class PiiOptions:
    """Options of `Pii`."""

    kinds: tuple[str, ...] = option(NAMES, help="Kinds of personal data.", choices=NAMES)
    action: str = option(
        "mask",
        help="`mask` writes the kind; `hash` adds 12 digits that are the same for the same value; `pseudonym` puts "
        "other letters and digits in the place of each, the same for the same value; `reject` leaves the row out.",
        choices=("mask", "hash", "pseudonym", "reject"),
    )
    salt_env: str | None = option(
        None, help="Name of the environment variable with the secret of `hash` and `pseudonym`, which need one."
    )
    phone_regions: tuple[str, ...] = option(
        ("US", "GB", "DE"),
        help="Countries whose telephone numbers are found without `+` too, by their codes; [] for none.",
    )
    allow: tuple[str, ...] = option((), help="Values that may stay, e.g. a public address.")


class Pii(RowOperator):
    """Searches everything in a row: turns, text, tools, metadata, group."""

    masks: ClassVar[bool] = True

    def __init__(self, options: PiiOptions) -> None:
        self._options = options

    @cached_property
    def _kinds(self) -> tuple[Kind, ...]:
        local = (LocalPhones.of(region) for region in known_regions(self._options.phone_regions))
        return tuple(kind for kind in (*KINDS, *local) if kind.name in self._options.kinds)

    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        salt = self._salt()
        return [self._row(row, salt) for row in rows]

    def _salt(self) -> bytes:
        if self._options.action not in ("hash", "pseudonym"):
            return b""
        name = self._options.salt_env
        if not name or not os.environ.get(name):
            text = f"pii: {self._options.action} needs a secret, or values can be guessed and tried"
            raise DataOperatorError(text, next_step="name a variable that holds one: data_steps[…].salt_env")
        return os.environ[name].encode()

    def _row(self, row: Example, salt: bytes) -> Outcome:
        seen: list[str] = []

        def clean(text: str) -> str:
            found = [one for one in finds(text, self._kinds) if text[one.start : one.end] not in self._options.allow]
            seen.extend(one.kind for one in found)
            return replaced(text, found, lambda one: self._instead(one, text[one.start : one.end], salt))

        after = map_texts(row, clean)
        after = evolve(
            after,
            metadata=map_values(row.metadata, clean),
            tools=map_values(row.tools, clean),
            group=clean(row.group),
        )
        if not seen:
            return row
        return Dropped("rejected-pii", ", ".join(sorted(set(seen)))) if self._options.action == "reject" else after

    def _instead(self, find: Find, value: str, salt: bytes) -> str:
        if self._options.action in ("mask", "reject"):
            return label(find.kind)
        digest = hmac.new(salt, f"{find.kind}\0{value}".encode(), hashlib.sha256)
        if self._options.action == "hash":
            return f"[{find.kind.upper()}:{digest.hexdigest()[:12]}]"
        return _alike(value, digest.digest())


def _alike(value: str, noise: bytes) -> str:
    """Return a pseudonym of the same form: letters for letters, digits for digits, the rest unchanged."""
    drawn = []
    for place, character in enumerate(value):
        byte = noise[place % len(noise)] + place // len(noise)
        alphabet = next((one for one in ALPHABETS if character in one), "")
        drawn.append(alphabet[byte % len(alphabet)] if alphabet else character)
    return "".join(drawn)
