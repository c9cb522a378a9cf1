"""Answers of the transformers server that its own parser cannot read."""

import pytest

pytest.importorskip("transformers")
from ftctl_adapters.serving.transformers_requests import _parsed


def test_a_call_that_was_broken_off_is_text() -> None:
    def fails(*_given: object, cleaned_content: str, **_more: object) -> object:
        raise ValueError("json parser could not parse region as JSON")

    assert _parsed(fails)(cleaned_content='<tool_call>{"name": "col') == ('<tool_call>{"name": "col', None, None)
