"""Contract tests, one class a port: subclass it, say what is tested, and run pytest.

::

    class TestMySource(DataSourceContract):
        @pytest.fixture
        def offer(self) -> str:
            return "my-source"

        @pytest.fixture
        def values(self) -> dict[str, Any]:
            return {"path": "rows.txt"}

Needs ``ftctl[testing]``. Fixtures are there to be overridden; the tests of a contract are not.
"""

from ftctl.testing.contracts.base import Contract, capability
from ftctl.testing.contracts.compressor import CompressorContract
from ftctl.testing.contracts.data_operator import DataOperatorContract
from ftctl.testing.contracts.data_source import DataSourceContract
from ftctl.testing.contracts.evaluator import EvaluatorContract
from ftctl.testing.contracts.monitor import MonitorContract
from ftctl.testing.contracts.offer import OfferContract
from ftctl.testing.contracts.server import ServerContract
from ftctl.testing.contracts.tuner import TunerContract

__all__ = [
    "CompressorContract",
    "Contract",
    "DataOperatorContract",
    "DataSourceContract",
    "EvaluatorContract",
    "MonitorContract",
    "OfferContract",
    "ServerContract",
    "TunerContract",
    "capability",
]
