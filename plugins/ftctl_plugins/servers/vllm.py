"""``vllm``: vLLM's OpenAI-compatible server. Kwon et al., PagedAttention, 2023."""

import json
import os
from pathlib import Path
from typing import Any

from ftctl.domain.artifact import Artifact
from ftctl.domain.format import PEFT_ADAPTER
from ftctl.domain.launch import Address, LaunchSpec
from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.errors import ConfigInvalid
from ftctl.plugin import option, options
from ftctl.ports import Server
from ftctl.ports.server import ServerError
from ftctl_adapters.serving import standalone

RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM takes for ``--max-lora-rank``."""

REFUSED = ("use_dora", "modules_to_save", "lora_bias", "layer_replication", "use_qalora", "alora_invocation_tokens")
CHANGED = frozenset({"pissa", "olora", "corda", "loftq"})
"""What its loader does not take: settings, and beginnings that change the base model's weights."""

OURS = ("--model", "--host", "--port", "--served-model-name", "--trust-remote-code", "--lora-modules")
"""Arguments that are ftctl's to give, or nobody's: servers stay on loopback and run no code of a model."""

GUARD = "loopback_guard.LoopbackGuard"
"""The guard against pages of other sites, which vLLM puts before its own application; found by its folder, for there is
no ftctl in an interpreter that a run file names."""

PROGRAM = ("-m", "vllm.entrypoints.openai.api_server")
"""Started as a module: the CPU build has no working ``vllm`` command, and the GPU build starts so too."""


@options
class VllmServerOptions:
    """Options of `VllmServer`."""

    port: int = option(0, help="Port on 127.0.0.1; 0 picks a free one.", ge=0, le=65_535)
    served_model_name: str = option("model", help="Model name in requests.")
    enable_lora: bool = option(False, help="Serve an adapter beside its base, instead of merging it first.")
    lora_modules: tuple[str, ...] = option((), help="Further adapters on the same base: NAME=FOLDER.")
    dtype: str = option(
        "auto", help="Dtype of weights and matrix products.", choices=("auto", "bfloat16", "float16", "float32")
    )
    max_model_len: int | None = option(None, help="Longest context in tokens; null: the model's own.", ge=1)
    max_num_seqs: int | None = option(None, help="Requests in one batch; null: vLLM's default.", ge=1)
    tensor_parallel_size: int = option(1, help="Tensor-parallel size: devices that share each layer.", ge=1)
    tool_call_parser: str | None = option(
        None, help="vLLM's parser that reads calls of tools out of answers, such as hermes; null: they stay text."
    )
    kv_cache_gib: int | None = option(None, help="KV cache of the CPU build in GiB; null: 1, set by its recipe.", ge=1)
    extra_args: tuple[str, ...] = option((), help="Further arguments of vLLM's server, as they are.")
    start_timeout: float = option(600.0, help="Seconds it may take to become ready.", gt=0)


class VllmServer(Server):
    """Serves models with vLLM; limits, template and adapter ranks come from the artifact."""

    def __init__(self, options: VllmServerOptions) -> None:
        if options.lora_modules and not options.enable_lora:
            raise ConfigInvalid("server.lora_modules: adapters need enable_lora: true")
        malformed = [entry for entry in options.lora_modules if not all(entry.partition("=")[::2])]
        if malformed:
            raise ConfigInvalid(f"server.lora_modules: must be NAME=FOLDER, not {malformed[0]!r}")
        names = [entry.partition("=")[0] for entry in options.lora_modules]
        taken = [name for name in names if names.count(name) > 1 or name in ("base", options.served_model_name)]
        if taken:
            raise ConfigInvalid(f"server.lora_modules: the name {taken[0]!r} is taken")
        ours = [entry for entry in options.extra_args if entry.partition("=")[0] in OURS]
        if ours:
            raise ConfigInvalid(f"server.extra_args: {ours[0]} cannot be given here")
        self._options = options

    def supports(self, shape: ModelShape) -> Verdict:
        if self._options.tensor_parallel_size > 1 and shape.heads % self._options.tensor_parallel_size:
            text = f"tensor_parallel_size must divide the {shape.heads} attention heads"
            return Verdict((f"{text}, not {self._options.tensor_parallel_size}",))
        return Verdict()

    def supports_adapter(self, config: dict[str, Any]) -> Verdict:
        why = _refusal(config)
        reason = f"cannot serve the adapter beside its base: {why}; say server.enable_lora: false"
        return Verdict((reason,) if why else ())

    def launch(self, model: Artifact, address: Address, python: str) -> LaunchSpec:
        given = self._options
        base = model.base if model.format == PEFT_ADAPTER and model.base else model
        arguments = {
            "--model": base.path,
            "--host": address.host,
            "--port": str(address.port),
            "--dtype": given.dtype,
            "--tensor-parallel-size": str(given.tensor_parallel_size),
            "--max-model-len": given.max_model_len,
            "--max-num-seqs": given.max_num_seqs,
            "--chat-template": _template(model, base),
            "--middleware": GUARD,
            "--served-model-name": "base" if base is not model else given.served_model_name,
        }
        argv = [python, *PROGRAM, *(str(part) for pair in arguments.items() if pair[1] is not None for part in pair)]
        if given.tool_call_parser:
            argv += ["--enable-auto-tool-choice", "--tool-call-parser", given.tool_call_parser]
        if given.enable_lora:
            argv += self._adapters(model, base)
        return LaunchSpec(
            argv=(*argv, *given.extra_args),
            served_name=given.served_model_name,
            env=_variables(given.kv_cache_gib),
            start_timeout=given.start_timeout,
        )

    def _adapters(self, model: Artifact, base: Artifact) -> list[str]:
        folders = dict(entry.split("=", 1) for entry in self._options.lora_modules)
        for name, folder in folders.items():
            if not Path(folder, "adapter_model.safetensors").is_file() or Path(folder, "adapter_model.bin").exists():
                text = f"the adapter {name!r} in {folder} must be adapter_model.safetensors and nothing pickled"
                raise ServerError(text, next_step="save it again with PEFT, safe_serialization=True")
        folders = ({} if model is base else {self._options.served_model_name: model.path}) | folders
        if not folders:
            return []
        rank = max(_rank(name, Path(folder)) for name, folder in folders.items())
        modules = [f"{name}={folder}" for name, folder in folders.items()]
        room = next(size for size in RANKS if size >= rank)
        return [
            "--enable-lora",
            "--max-lora-rank",
            str(room),
            "--max-loras",
            str(len(folders)),
            "--lora-modules",
            *modules,
        ]


def _variables(kv_cache_gib: int | None) -> dict[str, str]:
    folders = [str(Path(standalone.__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    cache = {} if kv_cache_gib is None else {"VLLM_CPU_KVCACHE_SPACE": str(kv_cache_gib)}
    return cache | {"PYTHONPATH": os.pathsep.join(folders)}


def _template(model: Artifact, base: Artifact) -> str | None:
    """Return the chat template of training: the adapter's own before its base's."""
    for artifact in (model, base):
        path = Path(artifact.path) / "chat_template.jinja"
        if path.exists():
            return str(path)
    return None


def _rank(name: str, folder: Path) -> int:
    """Return the rank of an adapter that vLLM can load beside its base.

    Raises:
        ServerError: it is no plain LoRA.
    """
    try:
        config: dict[str, Any] = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ServerError(f"the adapter {name!r} in {folder} cannot be read: {error}") from error
    why = _refusal(config)
    if why:
        text = f"vLLM cannot serve the adapter {name!r} beside its base: {why}"
        raise ServerError(text, next_step="let it be merged: server.enable_lora=false")
    return _highest_rank(config)


def _refusal(config: dict[str, Any]) -> str:
    """Return why vLLM cannot load an adapter of this configuration; empty if it can."""
    kind = str(config.get("peft_type"))
    refused = [key for key in REFUSED if config.get(key)]
    refused += [f"init_lora_weights={start}"] if (start := str(config.get("init_lora_weights"))) in CHANGED else []
    refused += ["bias"] if config.get("bias", "none") != "none" else []
    if kind != "LORA":
        return f"a {kind} adapter"
    rank = _highest_rank(config)
    return ", ".join(refused) or (f"rank {rank}" if rank > RANKS[-1] else "")


def _highest_rank(config: dict[str, Any]) -> int:
    return max(int(found) for found in (config.get("r", 0), *(config.get("rank_pattern") or {}).values()))
