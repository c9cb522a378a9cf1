"""Calls of tools through the lifecycle: rows of OpenAI's form are trained, measured, served, and parsed by a server."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import minimal_environment
from tests.functional.small import small_run

pytestmark = pytest.mark.heavy

TEMPLATE = """\
{%- if tools %}<|im_start|>system
Tools: {{ tools | tojson }}<|im_end|>
{% endif %}
{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content or '' }}
{%- for call in message.tool_calls or [] %}<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{% endfor %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
TOOL = {"type": "function", "function": {"name": "clock", "description": "Tells the time.",
        "parameters": {"type": "object", "properties": {"zone": {"type": "string"}}}}}  # fmt: skip
CALL = {"id": "call_1", "type": "function", "function": {"name": "clock", "arguments": '{"zone": "UTC"}'}}
PEOPLE = ("Ada", "Bo", "Cy", "Dan", "Eve", "Flo", "Gus", "Hal", "Ida", "Jo", "Kim", "Lee", "Mia", "Ned", "Ora", "Pat")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the run told, as soon as it serves; it ends with the tests."""
    folder = tmp_path_factory.mktemp("tools")
    small_run(folder, chat_template="tools.jinja", evaluators=["tool-calls"], server="transformers")
    (folder / "tools.jinja").write_text(TEMPLATE)
    rows = [{"messages": [{"role": "user", "content": f"What time is it, {name}?"},
                          {"role": "assistant", "content": None, "tool_calls": [CALL]}], "tools": [TOOL]}
            for name in PEOPLE]  # fmt: skip
    (folder / "phrases.jsonl").write_text("\n".join(map(json.dumps, rows)))
    command = [sys.executable, "-m", "ftctl_adapters.cli", "run", "run.yaml", "--json", "--tuner", "full"]
    command += [f"--set=tuner.{one}" for one in ("learning_rate=3e-3", "max_steps=24", "max_length=512", "bf16=false")]
    with (folder / "stderr").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=minimal_environment(), stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, (folder / "stderr").read_text()[-3000:]
    yield folder, json.loads(line)
    process.kill()
    process.communicate()


def test_calls_are_learnt_and_measured(served: tuple[Path, dict[str, Any]]) -> None:
    _, told = served
    assert told["metrics"]["base"]["tool_calls_equal"]["value"] == 0
    assert told["metrics"]["tuned"]["tool_calls_equal"]["value"] == 1
    assert told["stages"][-1]["name"] == "verify"


def test_a_call_is_replayed_against_the_server_with_its_tools(served: tuple[Path, dict[str, Any]]) -> None:
    folder, told = served
    (path,) = folder.glob(".ftctl/artifacts/model/*/golden.json")
    asked_with_tools = [case for case in json.loads(path.read_text()) if case["tools"]]
    assert asked_with_tools
    assert all(case["output"].startswith("<tool_call>") for case in asked_with_tools)
    assert told["stages"][-1]["status"] == "done"


def test_a_server_tells_calls_apart_from_text(served: tuple[Path, dict[str, Any]]) -> None:
    _, told = served
    endpoint = told["endpoint"]
    body = {"model": endpoint["model"], "messages": [{"role": "user", "content": "What time is it, Zoe?"}],
            "tools": [TOOL], "temperature": 0, "max_tokens": 64}  # fmt: skip
    request = urllib.request.Request(f"{endpoint['url']}/chat/completions", json.dumps(body).encode())
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=60) as reply:
        choice = json.load(reply)["choices"][0]
    (call,) = choice["message"]["tool_calls"]
    assert call["function"]["name"] == "clock"
    assert json.loads(call["function"]["arguments"]) == {"zone": "UTC"}
    assert "<tool_call>" not in (choice["message"]["content"] or "")
    assert choice["finish_reason"] == "tool_calls"
