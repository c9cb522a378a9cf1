"""``python -m ftctl_adapters.serving.onnx --model FOLDER --port N``: loads, then listens."""

import argparse
import json
from pathlib import Path
from typing import Any

import uvicorn

from ftctl_adapters.modeling.onnx import context_length, open_onnx
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.serving.onnx.app import Service
from ftctl_adapters.serving.onnx.engine import Engine
from ftctl_adapters.serving.onnx.metrics import Gauges
from ftctl_adapters.serving.onnx.scorer import Scorer
from ftctl_adapters.serving.standalone.loopback_guard import LoopbackGuard


def main() -> None:
    """Serve until it is told to end."""
    given = _arguments()
    tokenizer = ChatTokenizer(given.model, today=True)
    model = open_onnx(given.model, tokenizer.stop_ids, given.execution_provider, given.max_num_seqs)
    engine = Engine(model, given.max_num_seqs, given.max_waiting)
    engine.start()
    context = min(context_length(given.model), given.max_model_len or 2**31)
    scorer = Scorer(model, given.max_waiting)
    gauges = Gauges(lambda: engine.load + scorer.load)
    service = Service(given.served_model_name, tokenizer, engine, scorer, gauges, context, _defaults(Path(given.model)))
    app = LoopbackGuard(service.app())
    uvicorn.run(app, host=given.host, port=given.port, log_level="warning", timeout_graceful_shutdown=5)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True, help="folder of an artifact in the format onnx-genai")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--served-model-name", default="model")
    parser.add_argument("--execution-provider", default="cpu")
    parser.add_argument("--max-model-len", type=int, default=None)
    parser.add_argument("--max-num-seqs", type=int, default=4)
    parser.add_argument("--max-waiting", type=int, default=64)
    return parser.parse_args()


def _defaults(folder: Path) -> dict[str, Any]:
    """Return the sampling defaults of the model's generation config."""
    path = folder / "generation_config.json"
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    sampled = ("temperature", "top_p", "top_k") if found.get("do_sample", False) else ()
    return {name: found[name] for name in ("repetition_penalty", *sampled) if found.get(name) is not None}


if __name__ == "__main__":
    main()
