"""Chat template of a run: a file or a name in the place of the model's, and the day that it is told."""

import json
import shutil
from pathlib import Path

import pytest
from attrs import evolve

from ftctl.application.app import App
from ftctl.application.plan import make_plan
from ftctl.application.resolve import resolve
from ftctl.application.run import run
from ftctl.domain.example import Message
from ftctl.errors import ConfigInvalid, ModelUnsafe, UsageError
from ftctl.ports.model_intake import ChatTemplate
from ftctl.testing.fakes import FakeModelIntake
from ftctl_adapters.modeling.intake import LocalModelIntake
from ftctl_adapters.modeling.reference import BUILTIN
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from tests.unit.test_resolve import FAKE

TINY = BUILTIN["builtin:tiny"]
DATED = (
    "Today is {{ strftime_now('%Y-%m-%d') }}.\n{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}"
    "<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
DAY = 86_400.0


@pytest.fixture
def dated(tmp_path: Path) -> Path:
    path = tmp_path / "dated.jinja"
    path.write_text(DATED)
    return path


def admitted(out: Path, chat: ChatTemplate) -> Path:
    LocalModelIntake().admit("builtin:tiny", None, out, chat)
    return out


def test_a_template_by_file_takes_the_place_of_the_models(tmp_path: Path, dated: Path) -> None:
    folder = admitted(tmp_path / "out", ChatTemplate(str(dated), "2026-02-03"))
    assert (folder / "chat_template.jinja").read_text() == DATED
    assert "chat_template" not in json.loads((folder / "tokenizer_config.json").read_text())
    text = ChatTokenizer(str(folder)).render([Message("user", "Hi?")], ask=True)
    assert text.startswith("Today is 2026-02-03.\n<|im_start|>user\nHi?")


def test_names_of_templates_that_come_along_are_known(tmp_path: Path) -> None:
    folder = admitted(tmp_path / "out", ChatTemplate("plain"))
    text = ChatTokenizer(str(folder)).render([Message("user", "Hi?")], ask=True)
    assert text.endswith("User: Hi?\nAssistant:")
    assert not (folder / "template_date.json").exists()


def test_another_template_or_day_is_another_model(dated: Path) -> None:
    def known(chat: ChatTemplate) -> str:
        return LocalModelIntake().look("builtin:tiny", None, chat).fingerprint

    ways = [ChatTemplate(), ChatTemplate("plain"), *(ChatTemplate(str(dated), f"2026-02-0{day}") for day in (3, 4))]
    assert len({known(chat) for chat in ways}) == 4
    assert known(ChatTemplate()) == known(ChatTemplate("", "2026-02-03")), "a template that asks for no clock"


def test_templates_that_are_none_are_refused(tmp_path: Path) -> None:
    hostile = tmp_path / "hostile.jinja"
    hostile.write_text("{{ messages.__class__ }}")
    for source, error, said in [
        ("chatmi", UsageError, "did you mean 'chatml'"),
        (str(tmp_path / "no.jinja"), UsageError, "is no file here"),
        (str(tmp_path), UsageError, "cannot be read"),
        (str(hostile), ModelUnsafe, "reaches for __class__"),
    ]:
        with pytest.raises(error) as caught:
            LocalModelIntake().look("builtin:tiny", None, ChatTemplate(source))
        assert said in f"{caught.value.what} {caught.value.next_step}"


def test_the_day_of_a_run_is_that_on_which_it_was_planned_first(fake_app: App) -> None:
    app = evolve(fake_app, intake=FakeModelIntake(dated=True))
    spec = resolve(FAKE, app.registry, app.environments)
    app.clock.at = 20_000 * DAY  # type: ignore[attr-defined]
    first = make_plan(app, spec, "data")
    run(app, first, once=True, on_ready=lambda result: None)
    app.clock.at += 3 * DAY  # type: ignore[attr-defined]
    again = make_plan(app, spec, "data")
    assert again.model.template_date == first.model.template_date == "2024-10-04"
    assert all(planned.cached for planned in again.stages)
    other = make_plan(app, evolve(spec, seed=7), "data")
    assert other.model.template_date == "2024-10-07"


def test_the_day_can_be_named(fake_app: App) -> None:
    app = evolve(fake_app, intake=FakeModelIntake(dated=True))
    spec = resolve({**FAKE, "template_date": "2026-02-03"}, app.registry, app.environments)
    assert make_plan(app, spec, "data").model.template_date == "2026-02-03"
    assert resolve(spec.document(), app.registry, app.environments) == spec
    with pytest.raises(ConfigInvalid) as caught:
        resolve({**FAKE, "template_date": "yesterday"}, app.registry, app.environments)
    assert caught.value.details == ("template_date: must be a day such as 2026-01-31, not 'yesterday'",)


def test_a_view_of_a_dated_artifact_is_silent_about_its_day(tmp_path: Path, dated: Path) -> None:
    folder = admitted(tmp_path / "out", ChatTemplate(str(dated), "2026-02-03"))
    shutil.copytree(folder, tmp_path / "model")
    assert LocalModelIntake().look(str(tmp_path / "model"), None).left_out == ()
