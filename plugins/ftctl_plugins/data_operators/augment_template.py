"""``augment-template``: rephrase questions by sandboxed Jinja templates."""

import random
from functools import cached_property
from typing import Any

from ftctl.domain import Example
from ftctl.plugin import option, options
from ftctl.ports import DataOperatorError
from ftctl_plugins.data_operators.derived_rows import SEED_HELP, SHARE_HELP, Augmentation, last_question, with_question


@options
class AugmentTemplateOptions:
    """Options of `AugmentTemplate`."""

    templates: tuple[str, ...] = option(
        help="Templates, e.g. `Please answer briefly: {{ question }}`; they see `question`, `answer`, `metadata`."
    )
    share: float = option(0.1, help=SHARE_HELP, gt=0, le=1)
    per_row: int = option(1, help="Number of rows made of one.", ge=1, le=8)
    seed: int = option(1, help=SEED_HELP, ge=0)


class AugmentTemplate(Augmentation):
    """Changes only the last question; raw texts are skipped."""

    def __init__(self, options: AugmentTemplateOptions) -> None:
        super().__init__(options.share, options.seed, options.per_row)
        self._options = options
        if not options.templates:
            raise DataOperatorError("augment-template: no template", next_step="give one: data_steps[…].templates")

    @cached_property
    def _templates(self) -> list[Any]:
        from jinja2 import StrictUndefined, TemplateSyntaxError
        from jinja2.sandbox import ImmutableSandboxedEnvironment

        environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False)
        found = []
        for text in self._options.templates:
            try:
                found.append(environment.from_string(text))
            except TemplateSyntaxError as error:
                raise DataOperatorError(f"augment-template: {text!r}: {error.message}",
                                        next_step="correct data_steps[…].templates") from error  # fmt: skip
        return found

    def variant(self, row: Example, draw: random.Random, place: int) -> Example | None:
        from jinja2 import TemplateError

        asked = last_question(row)
        if asked is None:
            return None
        first = int(row.content_digest[:8], 16) + self._options.seed
        template = self._templates[(first + place) % len(self._templates)]
        try:
            told = template.render(question=row.messages[asked].content, answer=row.answer, metadata=row.metadata)
        except TemplateError as error:
            raise DataOperatorError(f"augment-template: {row.where}: {error}",
                                    next_step="correct data_steps[…].templates") from error  # fmt: skip
        return with_question(row, told)
