"""How vLLM is started: everything that it must know is read from the artifact."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ftctl.application.chain import build_chain
from ftctl.application.resolve import resolve
from ftctl.domain.artifact import Artifact
from ftctl.domain.format import HF, PEFT_ADAPTER
from ftctl.domain.launch import Address
from ftctl.domain.resources import ModelShape
from ftctl.errors import ConfigInvalid
from ftctl.plugin.registry import Registry
from ftctl.ports.server import ServerError
from ftctl.testing.fakes import FakeEnvironments
from ftctl_adapters.config.compose import compose
from ftctl_plugins.servers.vllm import VllmServer, VllmServerOptions

ADDRESS = Address("127.0.0.1", 8123)


def artifacts(folder: Path, **config: Any) -> tuple[Artifact, Artifact]:
    """A base model and an adapter on it."""
    for name in ("base", "adapter"):
        (folder / name).mkdir()
        (folder / name / "chat_template.jinja").write_text(name)
    (folder / "adapter" / "adapter_model.safetensors").touch()
    written = {"peft_type": "LORA", "r": 12, "bias": "none", "rank_pattern": {}, "modules_to_save": None, **config}
    (folder / "adapter" / "adapter_config.json").write_text(json.dumps(written))
    base = Artifact("model", HF, "b" * 64, str(folder / "base"))
    return base, Artifact("adapter", PEFT_ADAPTER, "a" * 64, str(folder / "adapter"), {}, base)


def argv(model: Artifact, **options: Any) -> list[str]:
    return list(VllmServer(VllmServerOptions(**options)).launch(model, ADDRESS, "/python").argv)


def value(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def test_a_whole_model_is_served_by_its_name_and_template(tmp_path: Path) -> None:
    base, _ = artifacts(tmp_path)
    found = argv(base, max_model_len=512, dtype="float32", extra_args=("--seed", "3"))
    assert found[:3] == ["/python", "-m", "vllm.entrypoints.openai.api_server"]
    assert value(found, "--model") == base.path
    assert (value(found, "--host"), value(found, "--port")) == ("127.0.0.1", "8123")
    assert value(found, "--served-model-name") == "model"
    assert value(found, "--chat-template") == f"{base.path}/chat_template.jinja"
    assert (value(found, "--max-model-len"), value(found, "--dtype")) == ("512", "float32")
    assert found[-2:] == ["--seed", "3"]
    assert "--enable-lora" not in found
    assert "--max-num-seqs" not in found


def test_an_adapter_is_served_beside_its_base_with_room_for_its_rank(tmp_path: Path) -> None:
    base, adapter = artifacts(tmp_path, rank_pattern={"q_proj": 40})
    found = argv(adapter, enable_lora=True)
    assert value(found, "--model") == base.path
    assert value(found, "--served-model-name") == "base"
    assert value(found, "--lora-modules") == f"model={adapter.path}"
    assert value(found, "--max-lora-rank") == "64"
    assert value(found, "--chat-template") == f"{adapter.path}/chat_template.jinja"


def test_several_adapters_share_one_base(tmp_path: Path) -> None:
    base, adapter = artifacts(tmp_path)
    found = argv(adapter, enable_lora=True, lora_modules=(f"other={adapter.path}",))
    assert found[found.index("--lora-modules") + 1 :] == [f"model={adapter.path}", f"other={adapter.path}"]
    assert (value(found, "--max-loras"), value(found, "--max-lora-rank")) == ("2", "16")
    alone = argv(base, enable_lora=True, lora_modules=(f"other={adapter.path}",))
    assert alone[alone.index("--lora-modules") + 1 :] == [f"other={adapter.path}"]
    assert value(alone, "--served-model-name") == "model"


def test_a_pickled_adapter_is_never_handed_on(tmp_path: Path) -> None:
    base, adapter = artifacts(tmp_path)
    (Path(adapter.path) / "adapter_model.bin").touch()
    with pytest.raises(ServerError, match="nothing pickled"):
        argv(base, enable_lora=True, lora_modules=(f"other={adapter.path}",))


def test_room_for_keys_and_values_is_an_option(tmp_path: Path) -> None:
    base, _ = artifacts(tmp_path)
    found = VllmServer(VllmServerOptions(kv_cache_gib=8)).launch(base, ADDRESS, "/python")
    assert found.env["VLLM_CPU_KVCACHE_SPACE"] == "8"


def test_its_guard_is_found_by_an_interpreter_without_ftctl(tmp_path: Path) -> None:
    base, _ = artifacts(tmp_path)
    found = VllmServer(VllmServerOptions()).launch(base, ADDRESS, "/python")
    module, _, name = value(list(found.argv), "--middleware").partition(".")
    program = f"import {module}; print({module}.{name}.__name__)"
    done = subprocess.run([sys.executable, "-S", "-c", program], env=found.env, capture_output=True, text=True)
    assert done.stdout.strip() == name, done.stderr


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"bias": "all"}, "bias"),
        ({"peft_type": "IA3"}, "a IA3 adapter"),
        ({"r": 1024}, "rank 1024"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights=pissa"),
    ],
)
def test_an_adapter_that_vllm_cannot_load_is_refused_before_it_starts(
    tmp_path: Path, config: dict[str, Any], said: str
) -> None:
    _, adapter = artifacts(tmp_path, **config)
    with pytest.raises(ServerError, match=said) as caught:
        argv(adapter, enable_lora=True)
    assert "server.enable_lora=false" in caught.value.next_step


def test_options_that_cannot_hold_are_refused() -> None:
    with pytest.raises(ConfigInvalid, match="enable_lora"):
        VllmServer(VllmServerOptions(lora_modules=("a=b",)))
    with pytest.raises(ConfigInvalid, match="NAME=FOLDER"):
        VllmServer(VllmServerOptions(enable_lora=True, lora_modules=("a",)))
    for names in (("model=x",), ("base=x",), ("a=x", "a=y")):
        with pytest.raises(ConfigInvalid, match="is taken"):
            VllmServer(VllmServerOptions(enable_lora=True, lora_modules=names))
    for argument in ("--host", "--host=0.0.0.0", "--trust-remote-code"):
        with pytest.raises(ConfigInvalid, match="cannot be given here"):
            VllmServer(VllmServerOptions(extra_args=(argument,)))
    shape = ModelShape("x", 1, 1, 1, 1, 1, 1, "float32", heads=6)
    assert VllmServer(VllmServerOptions(tensor_parallel_size=3)).supports(shape).reasons == ()
    assert "6 attention heads" in VllmServer(VllmServerOptions(tensor_parallel_size=4)).supports(shape).reasons[0]


def stages(**server: Any) -> list[str]:
    environments = FakeEnvironments()
    environments.pythons["vllm"] = environments.pythons["default"]
    document = {"model": "builtin:tiny", "evaluators": [], "server": {"use": "vllm", **server}}
    registry = Registry()
    return [stage.name for stage in build_chain(resolve(document, registry, environments), registry)]


def test_an_adapter_is_merged_unless_it_is_to_be_served_as_one() -> None:
    assert stages() == ["model", "data", "tune", "merge", "serve", "verify"]
    assert stages(enable_lora=True) == ["model", "data", "tune", "serve", "verify"]


def test_naming_a_server_alone_leaves_the_defaults_compressed_form_out() -> None:
    assert compose(None, {"server": "vllm"}, [])["compressor"] == "none"
    assert compose(None, {"server": "transformers"}, [])["compressor"] == {"use": "int8"}
    assert compose(None, {"server": "none"}, [])["compressor"] == {"use": "int8"}
    assert compose(None, {"server": "vllm", "compressor": "gptq"}, [])["compressor"] == "gptq"
