"""``clean-encoding``: repair wrongly decoded text. Robyn Speer, ftfy, 2019."""

from collections.abc import Sequence

from ftctl.domain import Example, Outcome
from ftctl.plugin import option, options
from ftctl.ports import RowOperator, StageContext
from ftctl_adapters.records.texts import map_texts


@options
class CleanEncodingOptions:
    """Options of `CleanEncoding`."""

    unescape_html: bool = option(False, help="Also turn `&lt;` into `<`: damages text about HTML.")
    uncurl_quotes: bool = option(False, help="Also make curly quotes straight.")
    fix_latin_ligatures: bool = option(False, help="Also write ligatures as letters.")
    fix_character_width: bool = option(False, help="Also make full-width characters narrow: damages Chinese.")


class CleanEncoding(RowOperator):
    """Repairs mojibake and leaves everything else, line ends, control characters and composition among it."""

    def __init__(self, options: CleanEncodingOptions) -> None:
        self._options = options

    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        import ftfy

        config = ftfy.TextFixerConfig(
            unescape_html=self._options.unescape_html,
            uncurl_quotes=self._options.uncurl_quotes,
            fix_latin_ligatures=self._options.fix_latin_ligatures,
            fix_character_width=self._options.fix_character_width,
            remove_terminal_escapes=False,
            fix_line_breaks=False,
            remove_control_chars=False,
            normalization=None,
            explain=False,
        )
        return [map_texts(row, lambda text: ftfy.fix_text(text, config)) for row in rows]
