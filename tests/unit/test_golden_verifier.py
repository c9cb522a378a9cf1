"""A server that answers otherwise is found out, and the link that broke is named."""

import http.server
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ftctl.domain.artifact import Artifact
from ftctl.domain.codec import to_plain
from ftctl.domain.example import Message
from ftctl.domain.format import HF, PEFT_ADAPTER
from ftctl.domain.golden import GoldenCase
from ftctl.domain.launch import Endpoint
from ftctl.errors import BackendFailed, ServedDifferently
from ftctl.ports.context import StageContext
from ftctl_adapters.modeling.auxiliary_files import take_along
from ftctl_adapters.modeling.golden import read_golden, write_golden
from ftctl_adapters.modeling.load import load_base
from ftctl_adapters.modeling.reference import BUILTIN
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_plugins.verifiers.answer_comparison import compare
from ftctl_plugins.verifiers.golden import GoldenOptions, GoldenVerifier
from tests.openai_server import POLL_SECONDS

pytestmark = pytest.mark.heavy
Reply = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with golden cases of its own, as if it had stopped after twenty tokens."""
    folder = tmp_path_factory.mktemp("tuned") / "model"
    shutil.copytree(BUILTIN["builtin:tiny"], folder)
    tokenizer = ChatTokenizer(str(folder))
    write_golden(load_base(str(folder), False).eval(), tokenizer, [], folder)
    cases = [evolve(case, output_ids=case.output_ids[:20], margins=case.margins[:20],
                    output=tokenizer.decode(case.output_ids[:20])) for case in read_golden(str(folder))]  # fmt: skip
    (folder / "golden.json").write_text(json.dumps(to_plain(cases)))
    return folder


@pytest.fixture
def cases(tuned: Path) -> dict[str, dict[str, Any]]:
    """The golden cases by their last question."""
    return {case["messages"][-1]["content"]: case for case in json.loads((tuned / "golden.json").read_text())}


@pytest.fixture
def endpoint() -> Iterator[Callable[..., Endpoint]]:
    """Starts a chat endpoint that answers what a function says, on further paths too."""
    servers = []

    def start(reply: Reply, *further: str) -> Endpoint:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = reply(body) if self.path in ("/v1/chat/completions", *further) else None
                self.send_response(200 if answer is not None else 404)
                self.end_headers()
                self.wfile.write(json.dumps(answer).encode())

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), daemon=True).start()
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


Start = Callable[..., Endpoint]


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
    with pytest.raises(ServedDifferently, match="weights: the server answers otherwise"):
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


class Standin:
    """A server over a folder's template and tokenizer, which answers right whenever its prompt is right."""

    def __init__(self, cases: list[GoldenCase], folder: Path, bos: tuple[int, ...] = (), instead: str | None = None):
        self.known = {case.token_ids: case.output for case in cases}
        self.tokenizer, self.bos, self.instead = ChatTokenizer(str(folder)), bos, instead

    def __call__(self, body: dict[str, Any]) -> dict[str, Any]:
        text = body.get("prompt")
        if text is None:
            text = self.tokenizer.render(
                [Message(turn["role"], turn["content"]) for turn in body["messages"]], ask=True
            )
        plain = tuple(self.tokenizer.encode(text))
        ids = plain if "add_special_tokens" in body else self.bos + plain
        said = self.known.get(ids, "something else") if self.instead is None else self.known[ids] + self.instead
        choice = {"message": {"content": said}, "text": said}
        return {"tokens": list(ids), "choices": [choice], "usage": {"prompt_tokens": len(ids)}}


def other_folder(tuned: Path, folder: Path, what: str) -> Path:
    shutil.copytree(tuned, folder)
    if what == "template":
        template = (folder / "chat_template.jinja").read_text()
        (folder / "chat_template.jinja").write_text("You are a kind and helpful assistant.\n" + template)
    if what == "same-length-template":
        template = (folder / "chat_template.jinja").read_text()
        (folder / "chat_template.jinja").write_text(template.replace("assistant\n", "user\n"))
    if what == "tokenizer":
        tokenizer = json.loads((folder / "tokenizer.json").read_text())
        tokenizer["model"]["merges"] = tokenizer["model"]["merges"][:500]
        (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return folder


@pytest.mark.parametrize("paths", [("/tokenize",), ("/v1/completions",)], ids=["tells-ids", "tells-counts"])
@pytest.mark.parametrize(
    ("wrong", "bos", "instead", "named"),
    [
        ("template", (), None, "template: the server renders another prompt"),
        ("tokenizer", (), None, "tokenizer: the server makes other tokens"),
        ("nothing", (1,), None, "BOS: the server's prompt has one token more"),
        ("nothing", (), " and on and on", "stop: the server ends answers elsewhere"),
        ("same-length-template", (), None, "template: the server renders another prompt"),
    ],
)
def test_the_link_that_broke_is_named(
    tuned: Path, endpoint: Start, context: StageContext, tmp_path: Path, paths: tuple[str, ...], wrong: str,
    bos: tuple[int, ...], instead: str | None, named: str,
) -> None:  # fmt: skip
    cases = read_golden(str(tuned))
    standin = Standin(cases, other_folder(tuned, tmp_path / "other", wrong), bos, instead)
    with pytest.raises(ServedDifferently, match=named):
        verify(tuned, endpoint(standin, *paths), context)


@pytest.mark.parametrize(
    ("answers", "named"),
    [
        (("a", "zzz", "zzz"), "[12] of 3 golden cases differ: weights"),
        (("", "", ""), "weights"),
    ],
)
def test_one_answer_that_is_short_by_chance_does_not_hide_other_weights(
    tuned: Path, endpoint: Start, context: StageContext, answers: tuple[str, ...], named: str
) -> None:
    known = read_golden(str(tuned))
    said = {
        case.messages[-1].content: case.output[:3] if text == "a" else text
        for case, text in zip(known, answers, strict=True)
    }
    tokens = {case.messages[-1].content: case.token_ids for case in known}

    def reply(body: dict[str, Any]) -> dict[str, Any]:
        asked = body["messages"][-1]["content"]
        usage = {"prompt_tokens": len(tokens[asked])}
        return {"choices": [{"message": {"content": said[asked]}}], "usage": usage, "tokens": list(tokens[asked])}

    with pytest.raises(ServedDifferently, match=named):
        verify(tuned, endpoint(reply, "/tokenize"), context)


def test_a_server_that_tells_no_tokens_is_not_blamed_for_its_tokenizer(
    tuned: Path, cases: dict[str, Any], endpoint: Start, context: StageContext
) -> None:
    def reply(body: dict[str, Any]) -> dict[str, Any]:
        return (
            {"tokens": []}
            if "logprobs" not in body and "max_tokens" not in body
            else says(cases[body["messages"][-1]["content"]])
        )

    assert verify(tuned, endpoint(reply, "/tokenize"), context).metrics[0].value == 1.0


def test_log_probabilities_are_compared_where_the_server_tells_them(
    tuned: Path, cases: dict[str, Any], endpoint: Start, context: StageContext
) -> None:
    def reply(body: dict[str, Any]) -> dict[str, Any]:
        case = cases[body["messages"][-1]["content"]]
        answer = says(case)
        steps = [{"top_logprobs": [{"token": f"token_id:{t}", "logprob": v + 0.25} for t, v in s]} for s in case["top"]]
        answer["choices"][0]["logprobs"] = {"content": steps} if body.get("logprobs") else None
        return answer

    report = verify(tuned, endpoint(reply), context)
    assert report.metrics[1].name == "golden_logprob_difference"
    assert report.metrics[1].value == pytest.approx(0.25, abs=1e-6)
    assert "at most 0.250 nats apart" in report.notes["golden"]


def test_a_lossy_format_may_be_asked_for_some_agreement(tuned: Path, endpoint: Start, context: StageContext) -> None:
    cases = read_golden(str(tuned))
    options = GoldenOptions(min_agreement=0.5)
    other = endpoint(Standin(cases, tuned, instead="!!"), "/tokenize")
    with pytest.raises(ServedDifferently, match="0.5 are asked for"):
        GoldenVerifier(options).verify(Artifact("model", "bnb-int8", "d" * 64, str(tuned)), other, context)


def test_there_is_a_case_with_a_tool_where_the_template_writes_tools(tuned: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tools"
    shutil.copytree(tuned, folder)
    template = (folder / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").write_text("{% if tools %}{{ tools | tojson }}{% endif %}" + template)
    write_golden(load_base(str(folder), False).eval(), ChatTokenizer(str(folder)), [], folder)
    with_tools = [case for case in read_golden(str(folder)) if case.tools]
    assert [case.tools[0]["function"]["name"] for case in with_tools] == ["weather"]
    assert "weather" in with_tools[0].rendered
    assert not [case for case in read_golden(str(tuned)) if case.tools]


def test_an_adapters_text_becomes_the_tokens_of_its_base(tmp_path: Path) -> None:
    """Without a config beside it, transformers may read the adapter's files as another tokenizer."""
    tiny = str(BUILTIN["builtin:tiny"])
    take_along(Path(tiny), tmp_path)
    document = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    document |= {"normalizer": None, "pre_tokenizer": {"type": "Digits", "individual_digits": True}}
    (tmp_path / "tokenizer.json").write_text(json.dumps(document), encoding="utf-8")
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


def test_special_tokens_within_an_answer_may_be_shown_but_not_the_one_that_ends_it() -> None:
    tokenizer = ChatTokenizer(str(BUILTIN["builtin:tiny"]))
    ids = (*tokenizer.encode("So<|im_start|>be it."), *tokenizer.encode("<|im_end|>"))
    assert ids[-1] in tokenizer.stop_ids
    case = GoldenCase((), "", (), tokenizer.decode(ids), ids, (9.0,) * len(ids), 48)
    assert case.output == "Sobe it."
    for answer in ("Sobe it.", "So<|im_start|>be it."):
        assert compare(case, answer, tokenizer) == "equal"
    for answer in ("So<|im_start|>be it.<|im_end|>", "Sobe it.<|im_end|>", "So<|im_end|>be it."):
        assert compare(case, answer, tokenizer) == "different"
