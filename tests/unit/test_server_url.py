"""URLs of servers."""

import pytest

from ftctl.domain.server_url import server_url


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/v1"),
        ("https://models.example/", "https://models.example/v1"),
        ("http://[::1]:8000/v1/", "http://[::1]:8000/v1"),
        ("http://models.example/openai", "http://models.example/openai"),
        ("http://[::1", None),
        ("http://host:port", None),
        ("http://host:99999", None),
        ("http://", None),
        ("ftp://host", None),
        ("http://two words", None),
        ("host:8000", None),
        ("", None),
    ],
)
def test_a_url_is_completed_or_refused(text: str, base: str | None) -> None:
    assert server_url(text) == base
