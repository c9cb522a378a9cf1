"""The tuners that come with ftctl keep the contract of their port."""

from typing import Any, ClassVar

import pytest

from ftctl.testing.contracts import TunerContract

pytestmark = pytest.mark.heavy

SHORT = {
    "bf16": False,
    "max_length": 128,
    "max_steps": 8,
    "eval_steps": 4,
    "per_device_train_batch_size": 4,
    "logging_steps": 1,
    "learning_rate": 1e-2,
}
"""Options of a training of a second."""


class Short(TunerContract, contract=True):
    """Trains for a second; ``more`` are options of the method."""

    more: ClassVar[dict[str, Any]] = {}

    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {**SHORT, **self.more}

    @pytest.fixture
    def equivalent(self, values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """All rows at once and in two parts, as the contract has it, in fewer steps."""
        whole = {**values, "max_steps": 3, "per_device_train_batch_size": 26}
        return whole, whole | {"per_device_train_batch_size": 13, "gradient_accumulation_steps": 2}


class TestLora(Short):
    more: ClassVar[dict[str, Any]] = {"rank": 4}

    @pytest.fixture
    def offer(self) -> str:
        return "lora"


class TestQlora(Short):
    more: ClassVar[dict[str, Any]] = {"rank": 4, "bnb_4bit_compute_dtype": "float32", "bf16": None}

    @pytest.fixture
    def offer(self) -> str:
        return "qlora"


class TestFull(Short):
    more: ClassVar[dict[str, Any]] = {"learning_rate": 1e-3}

    @pytest.fixture
    def offer(self) -> str:
        return "full"


class TestFreeze(Short):
    more: ClassVar[dict[str, Any]] = {"trainable_layers": 1, "learning_rate": 1e-3}

    @pytest.fixture
    def offer(self) -> str:
        return "freeze"


class TestIa3(Short):
    more: ClassVar[dict[str, Any]] = {"learning_rate": 3e-2}

    @pytest.fixture
    def offer(self) -> str:
        return "ia3"


class TestAdapter(Short):
    more: ClassVar[dict[str, Any]] = {"bottleneck_size": 8}

    @pytest.fixture
    def offer(self) -> str:
        return "adapter"


class TestPrefix(Short):
    more: ClassVar[dict[str, Any]] = {"num_virtual_tokens": 6}

    @pytest.fixture
    def offer(self) -> str:
        return "prefix"


class TestPrompt(Short):
    more: ClassVar[dict[str, Any]] = {"num_virtual_tokens": 6, "learning_rate": 3e-2}

    @pytest.fixture
    def offer(self) -> str:
        return "prompt"


class TestPTuning(Short):
    more: ClassVar[dict[str, Any]] = {"num_virtual_tokens": 6, "encoder_hidden_size": 32}

    @pytest.fixture
    def offer(self) -> str:
        return "p-tuning"
