"""The classifier is asked as the OpenAI API says, in batches, with the key from the environment."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from ftctl_moderation.classifier import Classifier
from ftctl_moderation.evaluator import Moderation, ModerationOptions

from ftctl.domain import Example, Message
from ftctl.ports import EvaluatorError, StageContext
from ftctl.testing.fakes import FakeTarget


class Handler(BaseHTTPRequestHandler):
    """Flags texts with ``4`` as ``four``; what was asked is kept."""

    asked: ClassVar[list] = []
    broken = ""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Handler.asked.append((self.path, self.headers.get("Authorization"), body))
        results = [{"flagged": "4" in text, "categories": {"four": "4" in text}} for text in body["input"]]
        answer = {"no": {}, "few": {"results": results[1:]}, "": {"results": results}}[Handler.broken]
        written = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(written)))
        self.end_headers()
        self.wfile.write(written)

    def log_message(self, *_):
        pass


@pytest.fixture
def url():
    Handler.asked, Handler.broken = [], ""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def test_batches_are_asked_with_the_key(url, monkeypatch):
    monkeypatch.setenv("THE_KEY", "secret\n")
    found = Classifier(url, "m", "THE_KEY").flagged([str(n) for n in range(40)])
    assert [place for place, names in enumerate(found) if names] == [4, 14, 24, 34]
    assert [(path, key, len(body["input"])) for path, key, body in Handler.asked] == [
        ("/v1/moderations", "Bearer secret", 32),
        ("/v1/moderations", "Bearer secret", 8),
    ]


def test_its_findings_are_a_category_of_their_own(url, tmp_path):
    data = [Example(f"r:{n}", (Message("user", f"double {n}"), Message("assistant", str(2 * n)))) for n in range(1, 6)]
    context = StageContext(tmp_path, tmp_path, 1, lambda kind, **data: None, lambda: False, {})
    report = Moderation(ModerationOptions(classifier_url=url)).evaluate(FakeTarget(), data, context)
    assert {metric.name: metric.value for metric in report.metrics} == {
        "flagged": 0.2,
        "flagged_personal": 0.0,
        "flagged_classifier": 0.2,
    }
    assert report.records[1]["found"] == {"classifier": ["four"]}


@pytest.mark.parametrize(("broken", "said"), [("no", "answers no moderations"), ("few", "judged 1 of 2")])
def test_another_answer_is_an_error(url, broken, said):
    Handler.broken = broken
    with pytest.raises(EvaluatorError, match=said):
        Classifier(url, "m").flagged(["a", "b"])


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1", "http://127.0.0.1:abc/v1"])
def test_no_answer_is_an_error(url):
    with pytest.raises(EvaluatorError, match="does not answer"):
        Classifier(url, "m").flagged(["a"])
