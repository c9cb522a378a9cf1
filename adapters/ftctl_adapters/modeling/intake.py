"""Inspect base models in pure Python, and lay them out as views."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

from ftctl.domain.artifact import Draft
from ftctl.domain.codec import digest
from ftctl.domain.format import HF
from ftctl.domain.resources import ModelShape
from ftctl.errors import ModelUnsafe
from ftctl.ports.model_intake import OWN_TEMPLATE, ChatTemplate, ModelFacts, ModelIntake
from ftctl_adapters.hub.listing import listing
from ftctl_adapters.modeling.chat_template import set_chat_template
from ftctl_adapters.modeling.hub_model import fetched, looked_at
from ftctl_adapters.modeling.model_kind import refuse_other_kinds, text_config
from ftctl_adapters.modeling.reference import HubName, resolve
from ftctl_adapters.modeling.view import View, make_view
from ftctl_adapters.store.commit import sha256_file

OTHER_NAMES = {
    "hidden_size": ("n_embd", "d_model"),
    "num_hidden_layers": ("n_layer", "n_layers", "num_layers"),
    "num_attention_heads": ("n_head", "n_heads", "num_heads"),
    "max_position_embeddings": ("n_positions", "max_seq_len", "n_ctx"),
}
"""Names of older architectures for what others call by transformers' names."""


class LocalModelIntake(ModelIntake):
    """Folders, hub snapshots and ``builtin:tiny``, through one view."""

    def look(self, reference: str, revision: str | None, chat: ChatTemplate = OWN_TEMPLATE) -> ModelFacts:
        found = resolve(reference, revision)
        if isinstance(found, HubName):
            listed = listing(found.name, "model", found.revision)
            view, missing = looked_at(listed)
            refuse_other_kinds(view.config, reference)
            date = set_chat_template(view, chat)
            known = digest(["hub", listed.name, listed.commit, *_written(view)])
            return ModelFacts(reference, known, model_shape(view), (), listed.commit, missing, date)
        view = make_view(found)
        refuse_other_kinds(view.config, reference)
        date = set_chat_template(view, chat)
        hashes = [[name, _sha256(content)] for name, content in sorted(view.files.items())]
        left_out = tuple(view.left_out)
        return ModelFacts(reference, digest(hashes), model_shape(view), left_out, template_date=date)

    def admit(self, reference: str, revision: str | None, out: Path, chat: ChatTemplate = OWN_TEMPLATE) -> Draft:
        found = resolve(reference, revision)
        origin: dict[str, Any] = {}
        if isinstance(found, HubName):
            listed = listing(found.name, "model", found.revision)
            origin = {"hub": {"name": listed.name, "revision": found.revision, "commit": listed.commit}}
            found = fetched(listed)
        view = make_view(found)
        refuse_other_kinds(view.config, reference)
        date = set_chat_template(view, chat)
        origin |= {"template_date": date} if date else {}
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        for name, content in view.files.items():
            _lay(content, out / name)
        return Draft("model", HF, facts_of(view) | origin)


def _written(view: View) -> list[list[str]]:
    """Return names and digests of files that differ from the model's own."""
    return [[name, _sha256(content)] for name, content in sorted(view.files.items()) if isinstance(content, bytes)]


def model_shape(view: View) -> ModelShape:
    """Return the shape of a model from its config and weight headers."""
    config = text_config(view.config)
    return ModelShape(
        architecture=_architecture(view.config),
        parameters=sum(entry.elements for entry in view.tensors.values()),
        weight_bytes=sum(entry.size for entry in view.tensors.values()),
        hidden_size=_count(config, "hidden_size"),
        layers=_count(config, "num_hidden_layers"),
        vocabulary=_count(config, "vocab_size"),
        max_positions=_count(config, "max_position_embeddings"),
        dtype=str(config.get("dtype") or config.get("torch_dtype") or "float32"),
        tensors={name: entry.shape for name, entry in view.tensors.items()},
        heads=_count(config, "num_attention_heads"),
    )


def facts_of(view: View) -> dict[str, Any]:
    """Return the facts of a base model's artifact: limits, digests of tokenizer and template."""
    template = hashlib.sha256(view.template.encode()).hexdigest() if view.template else None
    tokenizer = view.files.get("tokenizer.json")
    return {
        "parameters": sum(entry.elements for entry in view.tensors.values()),
        "max_length": _count(text_config(view.config), "max_position_embeddings"),
        "tokenizer": _sha256(tokenizer) if tokenizer is not None else None,
        "chat_template": template,
    }


def _sha256(content: Path | bytes) -> str:
    return hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else sha256_file(content)


def _count(config: dict[str, Any], key: str) -> int:
    """Return an integer of the config, under whichever of its names; 0 if missing."""
    value = next((config[name] for name in (key, *OTHER_NAMES.get(key, ())) if config.get(name) is not None), None)
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ModelUnsafe(f"config.json: {key} must be a whole number, not {value!r}", next_step="get the file again")
    return value


def _architecture(config: dict[str, Any]) -> str:
    named = config.get("architectures")
    return str(named[0] if isinstance(named, list) and named else config["model_type"])


def _lay(content: Path | bytes, target: Path) -> None:
    """Copy a file; never a hard link, since changes of the original must not reach the store."""
    if isinstance(content, bytes):
        target.write_bytes(content)
    else:
        shutil.copyfile(content, target)
