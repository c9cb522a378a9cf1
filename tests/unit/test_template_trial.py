"""Templates of others are rendered first where they can be killed."""

import time

import pytest

from ftctl.errors import ModelUnsafe
from ftctl_adapters.modeling.chat_template import SHIPPED
from ftctl_adapters.modeling.template_check import check_template

LOOPS = "{% for a in range(99999) %}" * 4 + "x" + "{% endfor %}" * 4
LATE = "{% if messages|length > 2 %}" + LOOPS + "{% endif %}"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (LOOPS, "needs more than 5 s and 1 GiB"),
        (LATE, "needs more than 5 s and 1 GiB"),
        ("{{ 'x' * 10**10 }}", "needs more than 5 s and 1 GiB"),
        ("{{ 'x' * 10**7 }}", "makes 10000000 characters"),
        ("{% set y = namespace(t='x') %}{% for n in range(40) %}{% set y.t = y.t + y.t %}{% endfor %}", "needs more"),
        ("{{ '%10000000000d' % 1 }}", "needs more"),
        ("{{ 'x'|center(10**9 + 99999999) }}", "needs more|makes"),
    ],
)
def test_one_that_never_ends_or_grows_is_refused(source: str, said: str) -> None:
    started = time.monotonic()
    with pytest.raises(ModelUnsafe, match=said) as caught:
        check_template(source, "model/chat_template.jinja")
    assert caught.value.exit_code == 4
    assert caught.value.what.startswith("model/chat_template.jinja: the chat template")
    assert time.monotonic() - started < 60


GOOD = [path.read_text(encoding="utf-8") for path in sorted(SHIPPED.glob("*.jinja"))]


@pytest.mark.parametrize("source", [*GOOD, "{{ raise_exception('no') }}", "{{ messages[7].content }}", "{{ 1 / 0 }}"])
def test_one_that_refuses_a_conversation_is_no_danger(source: str) -> None:
    check_template(source, "here")
