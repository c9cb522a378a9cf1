"""Many values of each kind, planted in English and Chinese beside numbers that only look like some."""

import ipaddress
import random
from collections import Counter
from collections.abc import Callable

import pytest

from ftctl_adapters.records.pii_kinds import KINDS, PLATES

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
