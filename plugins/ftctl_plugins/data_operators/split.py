"""``split``: which rows train, which validate and which test."""

from ftctl.domain.split import SplitShares
from ftctl.plugin import option, options
from ftctl.ports import DataOperatorError, SplitOperator, StageContext


@options
class SplitOptions:
    validation: float = option(0.1, help="Share of the rows.", ge=0, lt=1)
    test: float = option(0.1, help="Share of the rows.", ge=0, lt=1)


class Split(SplitOperator):
    """By the hash of the seed and of the row's group, cluster or content: more rows never move old ones."""

    def __init__(self, options: SplitOptions) -> None:
        if options.validation + options.test >= 1:
            raise DataOperatorError("split: the shares must leave rows to train on; their sum must be less than 1")
        self._shares = SplitShares(options.validation, options.test)

    def place(self, key: str, context: StageContext) -> str:
        return self._shares.place(key, context.settings["data_seed"])
