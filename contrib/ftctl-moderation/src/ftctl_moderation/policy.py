"""A policy: categories, and what is found in a text for each."""

import re
import tomllib
from pathlib import Path
from typing import Any

from attrs import frozen

from ftctl.errors import ConfigInvalid
from ftctl_moderation.pii import KINDS, found_pii

KEYS = ("words", "patterns", "pii")
RESERVED = "classifier"
"""The category of what a classifier finds."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_NO_SPACES = re.compile(r"[぀-ヿ㐀-鿿가-힯]")
"""Kana, Han and Hangul: scripts whose words are not told apart by spaces."""


@frozen
class Category:
    """What breaks the policy in one way."""

    name: str
    patterns: tuple[re.Pattern[str], ...] = ()
    pii: tuple[str, ...] = ()

    def found(self, text: str) -> list[str]:
        """What of the text breaks it."""
        matches = [match[0] for pattern in self.patterns for match in pattern.finditer(text) if match[0]]
        return [*matches, *found_pii(text, self.pii)]


DEFAULT = (Category("personal", pii=KINDS),)


def read_policy(path: str | None) -> tuple[Category, ...]:
    """The categories of a policy file, or of none.

    Raises:
        ConfigInvalid: it cannot be read, or says what cannot be meant; with every problem.
    """
    if path is None:
        return DEFAULT
    try:
        document = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigInvalid(f"policy {path}: {error.strerror}", next_step="check the path") from error
    except ValueError as error:
        raise ConfigInvalid(f"policy {path}: {error}") from error
    problems: list[str] = [] if document else ["it has no category"]
    categories = tuple(_category(name, content, problems) for name, content in document.items())
    if problems:
        raise ConfigInvalid(f"policy {path}: {'; '.join(problems)}")
    return categories


def _category(name: str, content: Any, problems: list[str]) -> Category:
    if not _NAME.fullmatch(name):
        problems.append(f"{name!r} cannot name a category: a letter, then a-z, 0-9, _")
    if name == RESERVED:
        problems.append(f"{name!r} is what the classifier's findings are called")
    if not isinstance(content, dict) or not any(content.values()):
        problems.append(f"{name} is empty")
        return Category(name)
    problems += [f"{name}.{key}: known are {', '.join(KEYS)}" for key in content if key not in KEYS]
    lists = {key: content.get(key, []) for key in KEYS}
    for key, values in lists.items():
        if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
            problems.append(f"{name}.{key}: must be a list of texts")
            return Category(name)
    problems += [f"{name}.pii: {kind!r}; known are {', '.join(KINDS)}" for kind in lists["pii"] if kind not in KINDS]
    patterns = [_word(word) for word in lists["words"]]
    for text in lists["patterns"]:
        try:
            patterns.append(re.compile(text))
        except re.error as error:
            problems.append(f"{name}.patterns: {text!r}: {error}")
    return Category(name, tuple(patterns), tuple(lists["pii"]))


def _word(word: str) -> re.Pattern[str]:
    escaped = re.escape(word)
    return re.compile(escaped if _NO_SPACES.search(word) else rf"(?<!\w){escaped}(?!\w)", re.IGNORECASE)
