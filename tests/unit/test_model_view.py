"""Models from outside: what libraries may see of them (FAULTS F51, F52, F58)."""

import json
import pickle
import shutil
import struct
from pathlib import Path
from typing import Any

import pytest

from ftctl.errors import ModelUnsafe, UsageError
from ftctl_adapters.modeling.intake import LocalModelIntake
from ftctl_adapters.modeling.reference import BUILTIN, resolve
from ftctl_adapters.modeling.safetensors_header import read_header
from ftctl_adapters.modeling.view import make_view

TINY = BUILTIN["builtin:tiny"]


class Payload:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return (open, (str(self.mark), "w"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(TINY, folder)
    return folder


def edit(folder: Path, name: str, **changed: Any) -> None:
    document = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(document | changed))


def admitted(folder: Path, out: Path) -> set[str]:
    LocalModelIntake().admit(str(folder), None, out)
    return {path.name for path in out.iterdir()}


def test_stray_pickles_and_code_are_never_seen(model: Path, tmp_path: Path) -> None:
    before = admitted(model, tmp_path / "clean")
    mark = tmp_path / "MARK"
    for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt", ".cache.mdl", "state.ckpt", "x.npy"):
        (model / name).write_bytes(pickle.dumps(Payload(mark)))
    (model / "modeling_evil.py").write_text(f"open({str(mark)!r}, 'w')")
    facts = LocalModelIntake().look(str(model), None)
    assert admitted(model, tmp_path / "out") == before
    assert len(facts.left_out) == 7
    assert not mark.exists()


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.model", "config.json", "chat_template.jinja"])
def test_a_pickle_under_an_allowed_name_is_refused(model: Path, tmp_path: Path, name: str) -> None:
    (model / name).write_bytes(pickle.dumps(Payload(tmp_path / "MARK")))
    with pytest.raises(ModelUnsafe):
        make_view(model)
    assert not (tmp_path / "MARK").exists()


def test_only_pickled_weights_are_refused_with_the_way_out(model: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    with pytest.raises(ModelUnsafe) as caught:
        make_view(model)
    assert "pickled" in caught.value.what
    assert "convert" in caught.value.next_step


def header_length() -> int:
    length: int = struct.unpack("<Q", (TINY / "model.safetensors").read_bytes()[:8])[0]
    return length


@pytest.mark.parametrize("cut", [0, 4, 8, "half header", "header", "half data", "last byte"])
def test_truncated_weights_are_called_truncated(model: Path, cut: int | str) -> None:
    path = model / "model.safetensors"
    size, length = path.stat().st_size, header_length()
    places = {"half header": 8 + length // 2, "header": 8 + length, "half data": size // 2, "last byte": size - 1}
    with path.open("r+b") as stream:
        stream.truncate(cut if isinstance(cut, int) else places[cut])
    with pytest.raises(ModelUnsafe, match="truncated"):
        read_header(path)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}, "4 bytes for a F32"),
        ({"dtype": "OBJECT", "shape": [1], "data_offsets": [0, 4]}, "unknown dtype"),
        ({"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}, "bytes for a F32"),
        ({"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}, "overlap or leave gaps"),
        ({"dtype": "F32", "shape": "x", "data_offsets": [0, 4]}, "malformed"),
        ([], "malformed"),
    ],
)
def test_malformed_headers_are_refused(tmp_path: Path, entry: Any, message: str) -> None:
    header = json.dumps({"w": entry}).encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 4)
    with pytest.raises(ModelUnsafe, match=message):
        read_header(path)


def test_a_header_that_claims_the_world_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", 2**60) + b"{}")
    with pytest.raises(ModelUnsafe, match="claims"):
        read_header(path)


def test_auto_map_is_taken_out_of_a_native_architecture(model: Path, tmp_path: Path) -> None:
    edit(model, "config.json", auto_map={"AutoModel": "evil--modeling.Evil"})
    admitted(model, tmp_path / "out")
    assert "auto_map" not in json.loads((tmp_path / "out" / "config.json").read_text())


def test_an_architecture_that_needs_its_own_code_is_refused(model: Path) -> None:
    edit(model, "config.json", auto_map={"AutoModel": "m.M"}, model_type="nosuchtype")
    with pytest.raises(ModelUnsafe, match="needs code"):
        make_view(model)


@pytest.mark.parametrize("kind", ["a\nb", "", "../x", None, 3])
def test_a_malformed_model_type_is_refused(model: Path, kind: object) -> None:
    edit(model, "config.json", model_type=kind)
    with pytest.raises(ModelUnsafe, match="model_type"):
        make_view(model)


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ messages['__class__'] }}",
        "{{ messages|attr('__class__') }}",
        "{{ messages|map(attribute='__class__')|list }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{% for m in messages %}",
        "x" * 300_000,
    ],
)
def test_a_template_that_reaches_for_more_is_refused(model: Path, template: str) -> None:
    (model / "chat_template.jinja").write_text(template)
    with pytest.raises(ModelUnsafe, match="template"):
        make_view(model)


@pytest.mark.parametrize(
    "template",
    [
        "{% for m in messages %}{{ m.role }}{{ m['content'].strip() }}{% endfor %}",
        "{% set ns = namespace(x=1) %}{% set ns.x = 2 %}{{ messages|map(attribute='role')|join }}",
        "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% break %}{% endfor %}",
        "{%- macro a(b) %}{{ b|tojson }}{%- endmacro %}{{ raise_exception('no') if not messages }}{{ loop_controls }}",
    ],
)
def test_ordinary_templates_pass(model: Path, template: str) -> None:
    (model / "chat_template.jinja").write_text(template)
    assert make_view(model).template == template


def test_a_template_inside_the_tokenizer_config_is_looked_at_too(model: Path) -> None:
    (model / "chat_template.jinja").unlink()
    edit(model, "tokenizer_config.json", chat_template="{{ x.__init__ }}")
    with pytest.raises(ModelUnsafe, match="__init__"):
        make_view(model)


def test_every_template_of_a_list_is_looked_at(model: Path) -> None:
    (model / "chat_template.jinja").unlink()
    entries = [{"name": "default", "template": "{{ messages }}"}, {"name": "tool_use", "template": "{{ x.__init__ }}"}]
    edit(model, "tokenizer_config.json", chat_template=entries)
    with pytest.raises(ModelUnsafe, match="__init__"):
        make_view(model)


@pytest.mark.parametrize(
    ("shard", "message"), [("../evil.bin", "no name of a weight file"), ("model-00001-of-00002.safetensors", "missing")]
)
def test_an_index_cannot_lead_out_of_the_view(model: Path, shard: str, message: str) -> None:
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": shard}}))
    with pytest.raises(ModelUnsafe, match=message):
        make_view(model)


def test_an_index_names_only_tensors_that_are_there(model: Path) -> None:
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"w": "model.safetensors"}}))
    with pytest.raises(ModelUnsafe, match="no shard holds"):
        make_view(model)


def test_a_link_cannot_lead_out_of_the_folder(model: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (model / "merges.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(ModelUnsafe, match="link that leaves"):
        make_view(model)


def test_an_adapter_beside_a_base_model_is_left_out(model: Path, tmp_path: Path) -> None:
    (model / "adapter_config.json").write_text("{}")
    shutil.copyfile(model / "model.safetensors", model / "adapter_model.safetensors")
    assert not any(name.startswith("adapter") for name in admitted(model, tmp_path / "out"))


def test_what_is_admitted_shares_no_bytes_with_the_original(model: Path, tmp_path: Path) -> None:
    admitted(model, tmp_path / "out")
    assert (tmp_path / "out" / "model.safetensors").stat().st_nlink == 1


@pytest.mark.parametrize("broken", [{"hidden_size": "abc"}, {"vocab_size": -1}, {"num_hidden_layers": 1.5}])
def test_a_config_of_nonsense_is_refused(model: Path, broken: dict[str, Any]) -> None:
    edit(model, "config.json", **broken)
    with pytest.raises(ModelUnsafe, match="must be a whole number"):
        LocalModelIntake().look(str(model), None)


def test_the_fingerprint_is_of_the_content(model: Path) -> None:
    intake = LocalModelIntake()
    first = intake.look(str(model), None).fingerprint
    assert first == intake.look("builtin:tiny", None).fingerprint
    edit(model, "config.json", rope_theta=5)
    assert intake.look(str(model), None).fingerprint != first


@pytest.mark.parametrize(
    "name",
    ["builtin:tyni", "nosuch", "~nosuchuser/x", "x" * 400, "../up/down/left", "a/b/c", "http://x/y", "a/..", "x\0y/z"],
)
def test_names_that_lead_nowhere_are_usage_errors(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError):
        resolve(name, None)
