"""A server that answers otherwise is found out, and the link that broke is named."""

import http.server
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ftctl.domain.artifact import Artifact
from ftctl.domain.format import HF, PEFT_ADAPTER
from ftctl.domain.golden import GoldenCase
from ftctl.domain.launch import Endpoint
from ftctl.errors import BackendFailed, ServedDifferently
from ftctl.ports.context import StageContext
from ftctl_adapters.modeling.golden import write_golden
from ftctl_adapters.modeling.load import load_base
from ftctl_adapters.modeling.reference import BUILTIN
from ftctl_adapters.modeling.take_along import take_along
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_plugins.verifiers.golden import GoldenOptions, GoldenVerifier, compare

pytestmark = pytest.mark.heavy
Reply = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with golden cases of its own."""
    folder = tmp_path_factory.mktemp("tuned") / "model"
    shutil.copytree(BUILTIN["builtin:tiny"], folder)
    write_golden(load_base(str(folder), False).eval(), ChatTokenizer(str(folder)), [], folder)
    return folder


@pytest.fixture
def cases(tuned: Path) -> dict[str, dict[str, Any]]:
    """The golden cases by their last question."""
    return {case["messages"][-1]["content"]: case for case in json.loads((tuned / "golden.json").read_text())}


@pytest.fixture
def endpoint() -> Iterator[Callable[[Reply], Endpoint]]:
    """Starts a chat endpoint that answers what a function says."""
    servers = []

    def start(reply: Reply) -> Endpoint:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = reply(body)
                self.send_response(200 if answer is not None else 500)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return Endpoint(f"http://127.0.0.1:{server.server_port}/v1", "m")

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def says(case: dict[str, Any], text: str | None = None, more: int = 0) -> dict[str, Any]:
    content = case["output"] if text is None else text
    usage = {"prompt_tokens": len(case["token_ids"]) + more}
    return {"choices": [{"message": {"content": content}}], "usage": usage}


def verify(folder: Path, endpoint: Endpoint, context: StageContext, form: str = "hf") -> Any:
    return GoldenVerifier(GoldenOptions()).verify(Artifact("model", form, "d" * 64, str(folder)), endpoint, context)


Start = Callable[[Reply], Endpoint]


def test_a_server_that_answers_as_the_model_did_passes(
    tuned: Path, cases: dict[str, Any], endpoint: Start, context: StageContext
) -> None:
    report = verify(tuned, endpoint(lambda body: says(cases[body["messages"][-1]["content"]])), context)
    assert report.metrics[0].value == 1.0
    assert report.notes["golden"].startswith(f"{len(cases)} cases: token ids equal in {len(cases)}, text equal in")


def test_other_weights_are_found_out_unless_the_format_is_lossy(
    tuned: Path, cases: dict[str, Any], endpoint: Start, context: StageContext
) -> None:
    other = endpoint(lambda body: says(cases[body["messages"][-1]["content"]], "something else"))
    with pytest.raises(ServedDifferently, match="other weights"):
        verify(tuned, other, context)
    report = verify(tuned, other, context, form="bnb-int8")
    assert report.metrics[0].value < 0.5
    assert "lossy" in report.notes["golden"]


def test_another_bos_or_template_at_the_server_is_found_out(
    tuned: Path, cases: dict[str, Any], endpoint: Start, context: StageContext
) -> None:
    other = endpoint(lambda body: says(cases[body["messages"][-1]["content"]], more=1))
    with pytest.raises(ServedDifferently, match="template or its BOS differs"):
        verify(tuned, other, context, form="bnb-int8")


def test_another_template_or_tokenizer_in_the_artifact_is_found_out(
    tuned: Path, cases: dict[str, Any], endpoint: Start, context: StageContext, tmp_path: Path
) -> None:
    right = endpoint(lambda body: says(cases[body["messages"][-1]["content"]]))
    changed = tmp_path / "changed"
    shutil.copytree(tuned, changed)
    template = (changed / "chat_template.jinja").read_text()
    (changed / "chat_template.jinja").write_text("Be kind.\n" + template)
    with pytest.raises(ServedDifferently, match="chat template renders another text"):
        verify(changed, right, context)
    (changed / "chat_template.jinja").write_text(template)
    tokenizer = json.loads((changed / "tokenizer.json").read_text())
    tokenizer["model"]["merges"] = tokenizer["model"]["merges"][:500]
    (changed / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(ServedDifferently, match="tokenizer makes other tokens"):
        verify(changed, right, context)


@pytest.mark.parametrize("reply", [None, {"choices": []}, "text", {"error": "x"}])
def test_a_server_that_speaks_another_language_is_an_error(
    tuned: Path, endpoint: Start, context: StageContext, reply: Any
) -> None:
    with pytest.raises(BackendFailed):
        verify(tuned, endpoint(lambda body: reply), context)


def test_an_adapters_text_becomes_the_tokens_of_its_base(tmp_path: Path) -> None:
    """Without a config beside it, transformers reads the same tokenizer files as another tokenizer."""
    tiny = str(BUILTIN["builtin:tiny"])
    take_along(Path(tiny), tmp_path)
    base = Artifact("model", HF, "b", tiny)
    adapter = Artifact("adapter", PEFT_ADAPTER, "a", str(tmp_path), {}, base)
    text = "1 + 2 = é ß 😀"
    assert ChatTokenizer.of(adapter).encode(text) == ChatTokenizer(tiny).encode(text)
    assert ChatTokenizer(str(tmp_path)).encode(text) != ChatTokenizer(tiny).encode(text)


@pytest.mark.parametrize(
    ("answer", "found"), [("So be it. Ф", "equal"), ("So be it. ", "different"), ("So", "different")]
)
def test_half_a_character_at_the_end_is_shown_by_some_servers_and_held_back_by_others(answer: str, found: str) -> None:
    tokenizer = ChatTokenizer(str(BUILTIN["builtin:tiny"]))
    ids = (*tokenizer.encode("So be it. Ф"), *tokenizer.encode("Ф")[:1])
    shown = tokenizer.decode(ids)
    assert shown.endswith("\ufffd")
    case = GoldenCase((), "", (), shown, ids, (9.0,) * len(ids), 48)
    assert compare(case, answer, tokenizer) == found
    assert compare(case, shown, tokenizer) == "equal"
