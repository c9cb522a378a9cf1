"""Many values of each kind, planted in English and Chinese beside numbers that only look like some."""

import ipaddress
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from ftctl.domain.example import Example
from ftctl.errors import ConfigInvalid
from ftctl.testing.contracts.stage import recording
from ftctl_adapters.records.local_phones import LocalPhones
from ftctl_adapters.records.pii_kinds import KINDS, PLATES, finds
from ftctl_plugins.data_operators.pii import Pii, PiiOptions

pytest.importorskip("stdnum")

LETTERS, CAPITALS = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHJKLMNPQRTUWXY"


def drawn(draw: random.Random, among: str, count: int) -> str:
    return "".join(draw.choices(among, k=count))


def company(draw: random.Random) -> str:
    from stdnum.cn import uscc

    body = f"91{drawn(draw, '0123456789', 6)}{drawn(draw, '0123456789' + CAPITALS, 9)}"
    return f"{body}{uscc.calc_check_digit(body)}"


def bank_card(draw: random.Random) -> str:
    from stdnum import luhn

    number = f"6222{drawn(draw, '0123456789', 14)}"
    return f"{number}{luhn.calc_check_digit(number)}"


FURTHER: dict[str, Callable[[random.Random], str]] = {
    "secret": lambda draw: f"hf_{drawn(draw, LETTERS, 34)}",
    "cn_uscc": company,
    "bank_card_cn": bank_card,
    "ipv6": lambda draw: str(ipaddress.IPv6Address(0x2001_0DB8 << 96 | draw.getrandbits(96))),
    "plate_cn": lambda draw: f"{draw.choice(PLATES)}{draw.choice('ABCDE')}{drawn(draw, '0123456789', 5)}",
}
"""Kinds that no other detector of the comparison knows."""


def test_what_is_planted_is_found_and_hardly_anything_else() -> None:
    from tests.bench.pii import ours, planted, quality

    lines = planted(1600, more=FURTHER)
    counts = Counter(kind for _, values in lines for kind, _ in values)
    assert counts.keys() == {kind.name for kind in KINDS}
    assert min(counts.values()) >= 30
    recall, _, precision = quality(ours, lines)
    assert recall == 1.0
    assert precision >= 0.98


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("call (415) 555-2671 now", ["(415) 555-2671"]),
        ("ring 020 7946 0958.", ["020 7946 0958"]),
        ("Tel. 030 901820", ["030 901820"]),
        ("call +1 415 555 2671", ["+1 415 555 2671"]),
        ("order 4155552671 of 2024-01-02 12:30:11", []),
        ("ISBN 978-3-16-148410-0, 1 000 000 and 3.14159265", []),
        ("Diners 3056 930902 5904", ["3056 930902 5904"]),
        ("Diners 30569309025904", ["30569309025904"]),
        ("-----BEGIN RSA PRIVATE KEY-----", ["-----BEGIN RSA PRIVATE KEY-----"]),
        ("-----BEGIN PRIVATE KEY-----\nMIIE+/\n-----END PRIVATE KEY-----.",
         ["-----BEGIN PRIVATE KEY-----\nMIIE+/\n-----END PRIVATE KEY-----"]),
        ("version 1.2.3.4, Release: 2.0.0.1, build=3.0.0.1", []),
        ("at 10.0.0.1", ["10.0.0.1"]),
    ],
)  # fmt: skip
def test_what_people_write_is_found_and_what_only_looks_like_it_stays(text: str, values: list[str]) -> None:
    kinds = (*KINDS, *map(LocalPhones.of, PiiOptions().phone_regions))
    assert [text[one.start : one.end] for one in finds(text, kinds)] == values


def test_a_region_that_is_none_is_refused(tmp_path: Path) -> None:
    operator = Pii(PiiOptions(phone_regions=("UK",)))
    with pytest.raises(ConfigInvalid, match="pii.phone_regions: 'UK' is no country code"):
        operator.process([Example("f:1", text="Call 0800 1111.")], recording(tmp_path))


def test_without_regions_numbers_need_their_country(tmp_path: Path) -> None:
    example = Example("r:1", text="call (415) 555-2671 or +1 415 555 2671")
    (row,) = Pii(PiiOptions(phone_regions=())).process([example], recording(tmp_path))
    assert isinstance(row, Example)
    assert row.text == "call (415) 555-2671 or [PHONE]"
