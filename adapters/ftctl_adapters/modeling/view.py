"""View of a model folder: the files that a library may see, selected by name and checked by content."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import define, field

from ftctl.errors import ModelUnsafe
from ftctl_adapters.modeling.auxiliary_files import TEMPLATE_DATE
from ftctl_adapters.modeling.safetensors_header import TensorEntry, read_header
from ftctl_adapters.modeling.strict_object import strict_object
from ftctl_adapters.modeling.template_check import check_template

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
WEIGHTS = re.compile(r"model(-\d{5}-of-\d{5})?\.safetensors")
JSON_FILES = frozenset(
    {
        *("config.json", "generation_config.json", INDEX),
        *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json"),
    }
)
TEXT_FILES = frozenset({"merges.txt", "vocab.txt", "chat_template.jinja"})
BINARY_FILES = frozenset({"tokenizer.model"})
DOCUMENTS = re.compile(r".*\.md|LICEN[CS]E.*|NOTICE.*|\.git(attributes|ignore)")
"""What is meant for people; leaving it out is not worth a word."""
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".mdl")
MAX_JSON = 256 << 20
_MODEL_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_REMOTE_CODE = ("auto_map", "custom_pipelines", "custom_code")


@define
class View:
    """``files`` maps a name to the file to link, or to the bytes to write where something had to be taken out."""

    source: Path
    files: dict[str, Path | bytes] = field(factory=dict)
    tensors: dict[str, TensorEntry] = field(factory=dict)
    config: dict[str, Any] = field(factory=dict)
    template: str | None = None
    index: dict[str, Any] | None = None
    left_out: list[str] = field(factory=list)
    dropped_code: bool = False
    elsewhere: frozenset[str] = frozenset()
    """Names of weights that are not in the folder yet."""


def is_small(name: str) -> bool:
    """Return True for a file of the view that is no weights, by its name."""
    return name in JSON_FILES | TEXT_FILES | BINARY_FILES


def make_view(folder: Path, elsewhere: Mapping[str, dict[str, TensorEntry]] | None = None) -> View:
    """Return the view of a model folder; nothing is run, and only headers of weights are read.

    Args:
        folder: of the model.
        elsewhere: headers of weights that are not fetched yet, by file name; then weights of the folder are left out.

    Raises:
        ModelUnsafe: only pickled weights, a pickle under an allowed name, a malformed file, a hostile template.
    """
    view = View(folder, elsewhere=frozenset(elsewhere or ()))
    for tensors in (elsewhere or {}).values():
        view.tensors |= tensors
    for path in sorted(folder.iterdir()):
        if _allowed(path) and not (elsewhere and WEIGHTS.fullmatch(path.name)):
            _refuse_escape(folder, path)
            _take(view, path)
        elif path.name not in ("manifest.json", TEMPLATE_DATE) and not DOCUMENTS.fullmatch(path.name):
            view.left_out.append(path.name)
    _require_weights(view, folder)
    _check_index(view, folder)
    _check_config(view, folder)
    return view


def _allowed(path: Path) -> bool:
    known = is_small(path.name) or WEIGHTS.fullmatch(path.name)
    return bool(known) and path.is_file()


def _refuse_escape(folder: Path, path: Path) -> None:
    """Refuse links that leave the folder, except into the ``blobs`` of a hub cache."""
    target = path.resolve()
    blobs = folder.resolve().parent.parent / "blobs"
    if not (target.is_relative_to(folder.resolve()) or target.is_relative_to(blobs)):
        raise ModelUnsafe(f"{path}: is a link that leaves the model's folder", next_step="copy the file there")


def _take(view: View, path: Path) -> None:
    if WEIGHTS.fullmatch(path.name):
        view.tensors |= read_header(path)
        view.files[path.name] = path
    elif path.name in JSON_FILES:
        _take_json(view, path)
    else:
        data = path.read_bytes()
        if _looks_pickled(data):
            raise ModelUnsafe(f"{path}: is a pickle under an allowed name", next_step="remove it")
        if path.name in TEXT_FILES:
            _text(path, data)
        view.files[path.name] = path
        if path.name == "chat_template.jinja":
            view.template = _text(path, data)
            check_template(view.template, str(path))


def _take_json(view: View, path: Path) -> None:
    if path.stat().st_size > MAX_JSON:
        raise ModelUnsafe(f"{path}: {path.stat().st_size} bytes of JSON (limit {MAX_JSON})")
    data = path.read_bytes()
    document = strict_object(data, str(path))
    removed = [key for key in _REMOTE_CODE if document.pop(key, None) is not None]
    view.dropped_code |= bool(removed)
    view.files[path.name] = json.dumps(document, indent=2, ensure_ascii=False).encode() if removed else path
    if path.name == "config.json":
        view.config = document
    if path.name == INDEX:
        view.index = document
    if path.name == "tokenizer_config.json":
        _take_embedded_templates(view, document, path)


def _take_embedded_templates(view: View, document: dict[str, Any], path: Path) -> None:
    """Check every template of a tokenizer config; return the one called ``default``."""
    found = document.get("chat_template")
    entries = found if isinstance(found, list) else [{"name": "default", "template": found}] if found else []
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("template"), str):
            raise ModelUnsafe(f"{path}: chat_template is malformed", next_step="get the file again")
        check_template(entry["template"], str(path))
        if entry.get("name") == "default" and view.template is None:
            view.template = entry["template"]


def _require_weights(view: View, folder: Path) -> None:
    if view.tensors:
        return
    pickled = [name for name in view.left_out if name.endswith(PICKLED)]
    if pickled:
        raise ModelUnsafe(
            f"{folder}: has only pickled weights ({pickled[0]}), which run code when they are read",
            next_step="convert them to safetensors where they come from, or take a revision that has them",
        )
    raise ModelUnsafe(f"{folder}: has no *.safetensors weights", next_step="check the folder")


def _check_index(view: View, folder: Path) -> None:
    """Check that every shard of the index is in the view and holds its tensors."""
    if view.index is None:
        return
    listed = view.index.get("weight_map")
    if not isinstance(listed, dict):
        raise ModelUnsafe(f"{folder}/model.safetensors.index.json: has no weight_map", next_step="get the file again")
    for shard in sorted({str(name) for name in listed.values()}):
        if not WEIGHTS.fullmatch(shard):
            raise ModelUnsafe(f"{folder}/model.safetensors.index.json: {shard!r} is no name of a weight file")
        if shard not in view.files.keys() | view.elsewhere:
            raise ModelUnsafe(f"{folder}: the shard {shard} is missing", next_step="get the whole model")
    missing = listed.keys() - view.tensors.keys()
    if missing:
        raise ModelUnsafe(f"{folder}: no shard holds the tensor {min(missing)!r}", next_step="get the whole model")


def _check_config(view: View, folder: Path) -> None:
    kind = view.config.get("model_type")
    if not isinstance(kind, str) or not _MODEL_TYPE.fullmatch(kind):
        raise ModelUnsafe(f"{folder}/config.json: malformed model_type {kind!r}", next_step="check the folder")
    if view.dropped_code and not _native(kind):
        raise ModelUnsafe(
            f"{folder}: the architecture {kind!r} needs code that the model brings along",
            next_step="ftctl runs no code from a model; take one that transformers supports itself",
        )


def _native(model_type: str) -> bool:
    """Return True if the installed transformers has this architecture; imports nothing."""
    from importlib.util import find_spec

    spec = find_spec("transformers")
    if spec is None or spec.origin is None:
        return False
    return (Path(spec.origin).parent / "models" / model_type.replace("-", "_").lower()).is_dir()


def _looks_pickled(data: bytes) -> bool:
    return data[:1] == b"\x80" or data[:2] == b"PK"


def _text(path: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ModelUnsafe(f"{path}: is not UTF-8 text", next_step="get the file again") from None
