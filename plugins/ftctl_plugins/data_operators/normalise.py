"""``normalise``: normalise Unicode, control characters, blanks, line ends and punctuation."""

import re
import unicodedata
from collections.abc import Sequence

from ftctl.domain import Example, Outcome
from ftctl.plugin import option, options
from ftctl.ports import RowOperator, StageContext
from ftctl_adapters.records.texts import map_texts

ZERO_WIDTH = re.compile("[\u200b\u2060\ufeff\u00ad]")
"""Zero-width space, word joiner, byte order mark, soft hyphen. Joiners and marks of direction stay: scripts need
them."""

CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f]")
"""Control characters but tabulator, line ends and U+0085."""

SPACES = re.compile("[ \t\u00a0\u2000-\u200a\u202f\u3000]+")
FULL_WIDTH = {full: full - 0xFEE0 for full in range(0xFF01, 0xFF5F)} | {0x3002: ord("."), 0x3001: ord(",")}
"""Full-width punctuation to ASCII's; letters and digits of full width too, as Unicode pairs them."""

NARROW = str.maketrans(",.!?;:()", "\uff0c\u3002\uff01\uff1f\uff1b\uff1a\uff08\uff09")
"""Punctuation of Chinese text, in full width."""

CHINESE = "[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"
BRACKETS = re.compile(rf"\(([^()]*{CHINESE}[^()]*)\)")
"""Brackets around Chinese text; they are widened in pairs."""

BEHIND = re.compile(f"(?<=[{CHINESE[1:-1]}\uff09])[,.!?;:]+(?![0-9A-Za-z])")
"""Signs behind Chinese characters, or behind brackets around them."""


@options
class NormaliseOptions:
    """Options of `Normalise`."""

    form: str = option("NFC", help="Unicode's composition; NFKC changes what is read.", choices=("NFC", "NFKC", "none"))
    zero_width: str = option("drop", help="Characters without width and soft hyphens.", choices=("drop", "keep"))
    control: str = option("drop", help="Control characters but tabulators and line ends.", choices=("drop", "keep"))
    line_ends: str = option("keep", help="`lf` makes every line end one.", choices=("keep", "lf"))
    whitespace: str = option(
        "keep",
        help="`trim` takes it off both ends, `collapse` also makes one space of several, which damages code.",
        choices=("keep", "trim", "collapse"),
    )
    punctuation: str = option(
        "keep", help="Width of punctuation in Chinese text: narrow or full.", choices=("keep", "ascii", "fullwidth")
    )


class Normalise(RowOperator):
    """Normalises texts idempotently; by default code and Chinese punctuation stay."""

    def __init__(self, options: NormaliseOptions) -> None:
        self._options = options

    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        return [map_texts(row, self.text) for row in rows]

    def text(self, text: str) -> str:
        """Return the normalised text."""
        asked = self._options
        if asked.zero_width == "drop":
            text = ZERO_WIDTH.sub("", text)
        if asked.control == "drop":
            text = CONTROL.sub("", text)
        if asked.form != "none":
            text = unicodedata.normalize(asked.form, text)  # type: ignore[arg-type] # one of its choices
        if asked.line_ends == "lf":
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        if asked.punctuation == "ascii":
            text = text.translate(FULL_WIDTH)
        elif asked.punctuation == "fullwidth":
            text = BRACKETS.sub("\uff08\\1\uff09", text)
            text = BEHIND.sub(lambda found: found.group().translate(NARROW), text)
        if asked.whitespace == "collapse":
            text = "\n".join(SPACES.sub(" ", line).strip() for line in text.split("\n"))
        return text if asked.whitespace == "keep" else text.strip()
