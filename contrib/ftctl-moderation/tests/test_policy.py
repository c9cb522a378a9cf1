"""A policy says what is found; what it cannot mean is refused with every problem."""

import pytest
from ftctl_moderation.policy import read_policy

from ftctl.errors import ConfigInvalid


@pytest.fixture
def policy(tmp_path):
    def write(text):
        (tmp_path / "policy.toml").write_text(text, encoding="utf-8")
        return read_policy(str(tmp_path / "policy.toml"))

    return write


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("You IDIOT!", ["IDIOT"]),
        ("idiotic, idiots", []),
        ("你这个笨蛋吧", ["笨蛋"]),
        ("the key is sk-abc123", ["sk-abc123"]),
    ],
)
def test_words_and_patterns_are_found(policy, text, found):
    (category,) = policy('[bad]\nwords = ["idiot", "笨蛋"]\npatterns = ["sk-[a-z0-9]+"]\n')
    assert category.found(text) == found


WRONG = """
[Bad]
words = ["x"]
[a]
words = "x"
[b]
patterns = ["("]
[c]
pii = ["nose"]
[d]
wort = ["x"]
[e]
[classifier]
words = ["x"]
[f]
words = []
"""
SAID = (
    "'Bad' cannot name",
    "a.words: must be a list",
    "b.patterns: '('",
    "'nose'",
    "d.wort: known",
    "e is empty",
    "f is empty",
    "'classifier' is what",
)


def test_every_problem_is_told(policy):
    with pytest.raises(ConfigInvalid) as caught:
        policy(WRONG)
    for part in SAID:
        assert part in caught.value.what


@pytest.mark.parametrize(("text", "said"), [("", "no category"), ("[a", "policy.toml")])
def test_a_file_that_is_no_policy_is_refused(policy, text, said):
    with pytest.raises(ConfigInvalid, match=said):
        policy(text)


def test_a_file_that_is_not_there_is_refused():
    with pytest.raises(ConfigInvalid, match="No such file"):
        read_policy("nothing.toml")
