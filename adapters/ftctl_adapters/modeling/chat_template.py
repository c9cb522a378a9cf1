"""Chat template of a run: the model's own, a file, or one that comes with ftctl; and the day that it is told."""

import json
from datetime import datetime
from pathlib import Path

from ftctl.bounded_file import read_bounded
from ftctl.domain.names import nearest
from ftctl.errors import ModelUnsafe, UsageError
from ftctl.ports.model_intake import ChatTemplate
from ftctl_adapters.modeling.auxiliary_files import TEMPLATE_DATE
from ftctl_adapters.modeling.template_check import MAX_BYTES, check_template
from ftctl_adapters.modeling.view import View

TEMPLATE, CONFIG = "chat_template.jinja", "tokenizer_config.json"
CLOCK = "strftime_now"
"""Function by which a template asks for the time."""

CODES = (*"YmdbBaAyjeHIMSpFTD", "-d", "-m", "-H", "-I")
"""Format codes of strftime that templates are told."""

SHIPPED = Path(__file__).with_name("chat_templates")


def set_chat_template(view: View, chat: ChatTemplate) -> str:
    """Put the run's template and its day into a view; return the day, empty where the template asks for none.

    Raises:
        UsageError: no such file or name.
        ModelUnsafe: the template reaches for what it has no business with.
    """
    if chat.source:
        text = read_template(chat.source)
        view.template, view.files[TEMPLATE] = text, text.encode()
        _forget_embedded(view)
    if CLOCK not in (view.template or "") or not chat.date:
        return ""
    view.files[TEMPLATE_DATE] = json.dumps({"template_date": chat.date}).encode()
    return chat.date


def read_template(source: str) -> str:
    """Return the text of a template, by its file or by the name of one that comes with ftctl."""
    path = Path(source).expanduser()
    names = sorted(path.stem for path in SHIPPED.glob("*.jinja"))
    if source in names and not path.is_file():
        path = SHIPPED / f"{source}.jinja"
    try:
        text = read_bounded(path, MAX_BYTES).decode()
    except (OSError, UnicodeDecodeError, ValueError) as error:
        likely = nearest(source, names)
        hint = f"did you mean {likely!r}? " if likely else ""
        reason = "is no file here" if isinstance(error, FileNotFoundError) else f"cannot be read: {error}"
        step = f"{hint}give a Jinja file, or one of {', '.join(names)}"
        raise UsageError(f"chat_template: {source!r} {reason}", next_step=step) from error
    check_template(text, source)
    return text


def clock_macro(day: datetime) -> str:
    """Return Jinja that stands before a template and tells it this day, whatever the format.

    transformers hands templates no functions, and its own tells the real time.
    """
    steps = "".join(f" | replace('%{code}', '{day.strftime('%' + code)}')" for code in CODES)
    # trim_blocks takes the newline away, so that the template begins as it did
    return f"{{%- macro {CLOCK}(form) -%}}{{{{- form{steps} -}}}}{{%- endmacro %}}\n"


def template_day(folder: Path) -> datetime | None:
    """Return the day that a model's template is told; None where nothing was written of it."""
    path = folder / TEMPLATE_DATE
    return (
        datetime.fromisoformat(json.loads(path.read_text(encoding="utf-8"))["template_date"]) if path.exists() else None
    )


def _forget_embedded(view: View) -> None:
    """Take the model's own templates out of its tokenizer's configuration."""
    content = view.files.get(CONFIG)
    if content is None:
        return
    try:
        document = json.loads(content if isinstance(content, bytes) else content.read_bytes())
    except ValueError as error:
        raise ModelUnsafe(f"{CONFIG}: is not JSON: {error}", next_step="get the file again") from None
    if document.pop("chat_template", None) is not None:
        view.files[CONFIG] = json.dumps(document, indent=2, ensure_ascii=False).encode()
