"""The page about chat templates, made of the table that the tests run through."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from tests.architectures.chat_families import EACH, FAMILIES, ONE, Family

HEAD = """# Chat templates

`pytest tests/architectures/test_chat_templates.py` renders conversations with chat templates of published models. It
checks that each answer stands behind exactly the tokens that the model is asked with, and is trained up to and with the
token that ends it. Names with `_like` are templates written for the tests, with the habits of a family whose own text
may not be passed on. `chatml` and `plain` come with ftctl: `chat_template: plain`.

- *one sequence*: the whole conversation is one training sequence.
- *a sequence an answer*: the template writes earlier answers in another way than they were given, for example without
  their reasoning; or a token of the test's small tokenizer spans the end of a prompt. Each answer then has a sequence
  of its own, with the turns before it as the model will see them. Training says how many there are.
- anything else is the reason for which the row is refused.

| template | system turn | several turns | reasoning | tools |
|---|---|---|---|---|
"""


def chat_templates() -> str:
    """The page as Markdown."""
    return HEAD + "".join(_row(family) for family in FAMILIES)


def _row(family: Family) -> str:
    cells = [outcome if outcome in (ONE, EACH) else f"refused: {outcome}" for _, outcome in family.outcomes()]
    return f"| `{family.name}` | {' | '.join(cells)} |\n"
