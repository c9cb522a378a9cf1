"""``split``: assign rows to train, validation and test."""

from collections.abc import Mapping, Sequence

from ftctl.domain.split import SplitShares
from ftctl.plugin import option, options
from ftctl.ports import DataOperatorError, SplitOperator, StageContext

SAME = "Share of the rows; null: that of `data_source.split`."


@options
class SplitOptions:
    """Options of `Split`."""

    validation: float | None = option(None, help=SAME, ge=0, lt=1)
    test: float | None = option(None, help=SAME, ge=0, lt=1)


class Split(SplitOperator):
    """Splits by the hash of seed and group, cluster or content: more rows never move old ones."""

    def __init__(self, options: SplitOptions) -> None:
        if (options.validation or 0) + (options.test or 0) >= 1:
            raise DataOperatorError(_TOO_MUCH)
        given = {"validation": options.validation, "test": options.test}
        self._given = {name: share for name, share in given.items() if share is not None}

    def place(self, key: str, context: StageContext) -> str:
        return self._shares(context).place(key, context.settings["data_seed"])

    def wanted(self, context: StageContext) -> Sequence[str]:
        return self._shares(context).wanted

    def asked_shares(self, context: StageContext) -> Mapping[str, float]:
        asked = self._shares(context)
        return {"validation": asked.validation, "test": asked.test}

    def _shares(self, context: StageContext) -> SplitShares:
        shares = SplitShares(**{**context.settings.get("split", {}), **self._given})
        if shares.validation + shares.test >= 1:
            raise DataOperatorError(_TOO_MUCH)
        return shares


_TOO_MUCH = "split: the shares must leave rows to train on; their sum must be less than 1"
