"""Personal data is found where its check digits are right, in any script, and nowhere else."""

import pytest
from ftctl_moderation.pii import KINDS, found_pii

EVERY = tuple(KINDS)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("write to jane.doe+x@mail.example.org.", "email"),
        ("邮箱是jane@example.org请查收", "email"),
        ("call +49 30 1234567 now", "phone"),
        ("手机13800138000谢谢", "phone"),
        ("card 4111 1111 1111 1111", "card"),
        ("卡号5500005555555559。", "card"),
        ("IBAN DE89 3704 0044 0532 0130 00", "iban"),
        ("GB82WEST12345698765432", "iban"),
        ("身份证11010519491231002X号", "cn-id"),
        ("card 4111 1111 1111 1111 123", "card"),
        ("Order 12 4111-1111-1111-1111.", "card"),
        ("IBAN DE89 3704 0044 0532 0130 00 BIC COBADEFFXXX", "iban"),
    ],
)
def test_it_is_found(text, kind):
    assert [found.partition(":")[0] for found in found_pii(text, (kind,))] == [kind]


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",
        "0000 0000 0000 0000",
        "DE89 3704 0044 0532 0130 01",
        "110105194912310021",
        "version 1.2.3, 2026-11-21, 10:30",
        "a@b, x @ y.z",
        "12345678901234567890123",
    ],
)
def test_what_only_looks_like_it_is_not(text):
    assert found_pii(text, EVERY) == []


def test_what_was_found_is_shortened():
    assert found_pii("jane.doe@example.org", ("email",)) == ["email:ja…"]


@pytest.mark.parametrize("text", ["a" * 100_000, "1 " * 50_000, "a@" * 50_000, "DE89 " * 20_000, "+1" * 50_000])
def test_long_nonsense_is_nothing(text):
    """A hundred thousand letters; a pattern that looks back again and again would never come to an end."""
    assert found_pii(text, EVERY) == []
