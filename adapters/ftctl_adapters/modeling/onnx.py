"""Load models in the format of onnxruntime-genai."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ftctl.domain.encoded import IGNORED
from ftctl.domain.example import Example, Prompt
from ftctl.errors import BackendFailed
from ftctl.ports import Answer, Score, Target
from ftctl_adapters.modeling.labels import encode_example
from ftctl_adapters.modeling.token_scores import token_scores
from ftctl_adapters.modeling.tokenizer import ChatTokenizer

CPU = "cpu"


def open_onnx(folder: str, stop_ids: frozenset[int], provider: str = CPU, batch: int = 1) -> Any:
    """An ``onnxruntime_genai.Model`` that stops where the tuned model stopped.

    Args:
        folder: of the artifact.
        stop_ids: token ids that end an answer.
        provider: ``cpu``, or an execution provider of ONNX Runtime by its name in onnxruntime-genai.
        batch: how many requests an engine over this model takes at once.
    """
    import onnxruntime_genai as og

    og.disable_telemetry_events()
    config = og.Config(folder)
    config.clear_providers()
    if provider != CPU:
        config.append_provider(provider)
    settings: dict[str, Any] = {"engine": {"static_batching": {"max_batch_size": batch}}}
    if stop_ids:
        settings["model"] = {"eos_token_id": sorted(stop_ids)}
    config.overlay(json.dumps(settings))
    return og.Model(config)


def context_length(folder: str) -> int:
    """Return the largest number of tokens, prompt and answer together."""
    found = json.loads(Path(folder, "genai_config.json").read_text(encoding="utf-8"))
    return int(found["search"]["max_length"])


def start(model: Any, ids: Sequence[int], length: int) -> Any:
    """A greedy ``onnxruntime_genai.Generator`` that has read the prompt and may grow to ``length`` tokens."""
    import onnxruntime_genai as og

    settings = og.GeneratorParams(model)
    settings.set_search_options(max_length=length, do_sample=False)
    generator = og.Generator(model, settings)
    generator.append_tokens(list(ids))
    return generator


def prompt_logits(model: Any, ids: Sequence[int], length: int) -> Any:
    """Logits (tokens, vocabulary) after each token of a prompt, in numpy."""
    return start(model, ids, length).get_output("logits")[0]


class OnnxTarget(Target):
    """Target that answers and scores one prompt at a time."""

    def __init__(self, folder: str) -> None:
        self._tokenizer = ChatTokenizer(folder)
        self._model = open_onnx(folder, self._tokenizer.stop_ids)
        self._limit = context_length(folder)

    @property
    def max_model_len(self) -> int | None:
        return self._limit

    def generate(self, prompts: Sequence[Prompt], max_new_tokens: int) -> list[Answer]:
        return [self._answer(self._tokenizer.asked(prompt), max_new_tokens) for prompt in prompts]

    def score(self, examples: Sequence[Example]) -> list[Score]:
        return [self._score(example) for example in examples]

    def _longest(self, ids: Sequence[int], length: int) -> int:
        if len(ids) >= self._limit:
            text = f"a prompt of {len(ids)} tokens leaves no room in the model's context of {self._limit}"
            raise BackendFailed(text, next_step="leave such rows out, or measure the model before its export")
        return min(length, self._limit)

    def _answer(self, ids: Sequence[int], max_new_tokens: int) -> Answer:
        generator, made = start(self._model, ids, self._longest(ids, len(ids) + max_new_tokens)), []
        while not generator.is_done():
            generator.generate_next_token()
            made.append(int(generator.get_next_tokens()[0]))
        stopped = bool(made) and made[-1] in self._tokenizer.stop_ids
        made = made[:-1] if stopped else made
        return Answer(self._tokenizer.decode(made), tuple(made), "stop" if stopped else "length")

    def _score(self, example: Example) -> Score:
        import numpy as np

        row = encode_example(self._tokenizer, example, "last_answer")
        chosen = np.array([place for place in range(1, len(row.ids)) if row.labels[place] != IGNORED])
        asked = row.ids[:-1]
        logits = prompt_logits(self._model, asked, self._longest(asked, len(row.ids)))
        told = token_scores(logits[chosen - 1], np.array(row.ids)[chosen])
        return Score(float(told.log_probabilities.sum()), len(chosen), len(example.answer))
