"""No secret in an event, a record or a message, however short a piece of it (FAULTS: canary tokens)."""

import pytest

from ftctl.application.event_bus import EventBus
from ftctl.errors import BackendFailed
from ftctl.plugin.registry import Registry
from ftctl.redact import redacted, redacted_value
from ftctl.testing import fakes

CANARIES = (
    "hf_CanaryCanaryCanaryCanary1234",
    "sk-proj-CanaryCanaryCanary1234",
    "ghp_CanaryCanaryCanaryCanaryCanary123456",
    "AKIACANARYCANARY1234",
    "xoxb-1234567890-canary",
)


def pieces(secret: str) -> list[str]:
    return [secret[at : at + 6] for at in range(len(secret) - 5)]


@pytest.mark.parametrize("secret", CANARIES)
def test_what_looks_like_a_key_is_hidden_whole(secret: str) -> None:
    told = redacted(f"401 for key {secret}, try again", {})
    assert told == "401 for key ***, try again"


def test_what_the_environment_calls_a_secret_is_hidden() -> None:
    environment = {"DB_PASSWORD": "correct horse", "HF_TOKEN": "unlike-any-shape", "PATH": "/usr/bin:/bin"}
    told = redacted("correct horse at /usr/bin:/bin with unlike-any-shape", environment)
    assert told == "*** at /usr/bin:/bin with ***"


def test_name_and_password_of_an_address_are_hidden() -> None:
    assert redacted("https://me:pw@host/x", {}) == "https://***@host/x"


def test_a_secret_out_of_a_file_is_known_without_its_end_of_line() -> None:
    assert redacted("Bearer abcd1234secret", {"A_KEY_TOKEN": "abcd1234secret\n"}) == "Bearer ***"


@pytest.mark.parametrize("address", ["redis://:pass@host/0", "x://me:p@ss@host/0", "x://me:a:b@host/0"])
def test_whatever_a_password_holds_it_is_hidden(address: str) -> None:
    assert redacted(address, {}).endswith("://***@host/0")


def test_words_of_the_environment_are_no_secrets() -> None:
    assert redacted("this is true", {"TOKENIZERS_PARALLELISM": "true"}) == "this is true"


def test_values_are_copied_whatever_their_depth() -> None:
    before = {"a": [{"b": ("x", CANARIES[0])}], "n": 1}
    assert redacted_value(before, {}) == {"a": [{"b": ["x", "***"]}], "n": 1}
    assert before["a"][0]["b"][1] == CANARIES[0]  # type: ignore[index]


@pytest.mark.parametrize("secret", CANARIES)
def test_no_piece_of_a_secret_is_in_an_error(secret: str) -> None:
    error = BackendFailed(f"refused {secret}", next_step=f"not {secret}", details=(f"log: {secret}",))
    told = str(error.to_json()) + str(error)
    assert not [piece for piece in pieces(secret) if piece in told]


def test_journal_and_monitors_see_no_secret(tmp_path: object) -> None:
    journals = fakes.FakeRunJournals(tmp_path)  # type: ignore[arg-type]
    seen: list[object] = []
    bus = EventBus(journals.open("r"), Registry(lambda: ()), fakes.FakeClock(), {}, watch=seen.append)
    bus.emit("WarningRaised", message=f"no access with {CANARIES[1]}")
    assert CANARIES[1][:12] not in str(seen)
    assert "no access with ***" in str(seen)
