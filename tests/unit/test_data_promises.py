"""What the operators of the data stage promise over many rows."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ftctl.domain.example import Example, Message
from ftctl.domain.split import SPLITS
from ftctl.ports.context import StageContext
from ftctl.ports.data_operator import DataOperator, SplitOperator
from ftctl.testing.contracts.data_operator import judged
from ftctl.testing.contracts.network_guard import only_loopback
from ftctl.testing.contracts.offer import make
from ftctl.testing.contracts.stage import recording
from ftctl_adapters.bootstrap import build_registry

SCRIPTS = {
    "latin": "Der Bäcker öffnet früh; l’été à Besançon coûte 12,50 € – “señor”, naïve façade",
    "chinese": "老人每天早上在湖边钓鱼,直到太阳升起;然后他说:“今天很好!”(真的)",
    "cyrillic": "Поезд в порт отправляется утром — «как обычно», сказал он № 5",
    "greek": "Το τρένο φεύγει στις εννιάμισι· «καλημέρα», είπε",
    "arabic": "القطار إلى الميناء يغادر في الصباح، كما قال",
    "japanese": "毎朝、老人は湖のほとりで釣りをする。「今日はいい日だ」と彼は言った。",
}
LANGUAGES = {
    "en": ["The train to the harbour leaves at half past nine.", "She has never seen the sea in winter before.",
           "Please send the letter to the office by Monday.", "Nobody knows who painted the door of that house.",
           "How much does a ticket to the old town cost?"],
    "de": ["Der Zug zum Hafen fährt morgens um halb zehn ab.", "Sie hat das Meer im Winter noch nie gesehen.",
           "Bitte schicken Sie den Brief bis Montag ins Büro.", "Niemand weiß, wer die Tür des Hauses gestrichen hat.",
           "Wie viel kostet eine Fahrkarte in die Altstadt?"],
    "fr": ["Le train pour le port part à neuf heures et demie.", "Elle n'a jamais vu la mer en hiver auparavant.",
           "Veuillez envoyer la lettre au bureau avant lundi.", "Personne ne sait qui a peint la porte de la maison.",
           "Combien coûte un billet pour la vieille ville ?"],
    "ru": ["Поезд в порт отправляется в половине десятого.", "Она никогда раньше не видела зимнего моря.",
           "Пожалуйста, отправьте письмо в офис до понедельника.", "Никто не знает, кто покрасил дверь этого дома.",
           "Сколько стоит билет до старого города?"],
    "zh": ["去港口的火车早上九点半出发,请提前到达车站等候上车。", "她以前从来没有在冬天看过大海,所以她非常高兴。",
           "请在星期一之前把这封信寄到办公室,谢谢您的帮助。", "没有人知道是谁给那座老房子的门刷上了新的油漆。",
           "去老城区的车票要多少钱?我想买两张明天早上的票。"],
}  # fmt: skip


@pytest.fixture
def context(tmp_path: Path) -> StageContext:
    return recording(tmp_path, data_seed=7, memory_bytes=1 << 24)


def operator(name: str, **values: Any) -> DataOperator:
    found: DataOperator = make(build_registry().find("data_operator", name), values)  # type: ignore[arg-type]
    return found


def test_a_thousand_right_lines_in_six_scripts_stay_as_they_are(context: StageContext) -> None:
    draw = random.Random(2)
    lines = []
    for number in range(1000):
        text = list(SCRIPTS.values())[number % len(SCRIPTS)]
        start = draw.randrange(len(text) // 2)
        lines.append(f"{text[start : start + draw.randint(8, 60)].strip()} {number}")
    rows = [Example(f"r:{n}", text=text) for n, text in enumerate(lines)]
    for name in ("clean-encoding", "normalise"):
        assert [row.text for row in judged(operator(name), rows, context)] == lines


def test_languages_are_told_apart_without_a_network(context: StageContext, monkeypatch: pytest.MonkeyPatch) -> None:
    only_loopback(monkeypatch)
    told = [(code, text) for code, texts in LANGUAGES.items() for text in texts]
    rows = [Example(f"r:{n}", text=text) for n, (_, text) in enumerate(told)]
    right = 0
    for wanted in LANGUAGES:
        found = judged(operator("filter-language", keep=[wanted], undetermined="drop"), rows, context)
        right += sum(
            (code == wanted) == (not hasattr(one, "state")) for (code, _), one in zip(told, found, strict=True)
        )
    assert right / (len(told) * len(LANGUAGES)) >= 0.95


def test_the_order_of_rows_does_not_change_what_is_left(context: StageContext) -> None:
    texts = [f"Text {n % 40} of them{' indeed' * (n // 40)}" for n in range(120)]
    rows = [Example(f"r:{n}", (Message("user", text.split(" indeed")[0]), Message("assistant", text))) for n, text in
            enumerate(texts)]  # fmt: skip
    dedup = operator("dedup-exact", of="prompt", keep="longest")

    def left(rows: list[Example]) -> set[str]:
        return {row.where for row, fate in zip(rows, judged(dedup, rows, context), strict=True) if not fate.state}

    usual = left(rows)
    assert len(usual) == 40
    for seed in range(3):
        assert left(random.Random(seed).sample(rows, len(rows))) == usual


def test_shares_are_kept_and_more_rows_move_none(context: StageContext) -> None:
    split = operator("split", validation=0.05, test=0.1)
    assert isinstance(split, SplitOperator)
    keys = [f"row {n}" for n in range(100_000)]
    placed = [split.place(key, context) for key in keys]
    counts = Counter(placed)
    assert set(counts) == set(SPLITS)
    assert abs(counts["validation"] / 100_000 - 0.05) < 0.01
    assert abs(counts["test"] / 100_000 - 0.1) < 0.01
    assert [split.place(key, context) for key in keys[:1000]] == placed[:1000]


def test_other_names_are_the_same_within_a_data_set_and_others_with_another_secret(
    context: StageContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = {"name": "mail", "arguments": {"to": "anna@example.org", "note": 'say "hi" to anna@example.org'}}
    rows = [Example(f"r:{n}", (Message("user", "Write to anna@example.org"), Message("assistant", json.dumps(call))),
                    tools=[call]) for n in range(2)]  # fmt: skip

    def told(secret: str) -> list[str]:
        monkeypatch.setenv("SALT", secret)
        found = judged(operator("pii", action="pseudonym", salt_env="SALT"), rows, context)
        for row in found:
            said = json.loads(row.messages[1].content)
            assert said["arguments"]["note"] == f'say "hi" to {said["arguments"]["to"]}'
            assert said == row.tools[0]
        return [row.messages[0].content for row in found]

    first = told("one")
    assert len(set(first)) == 1
    assert "anna@example.org" not in first[0]
    assert first[0].count("@") == 1
    assert told("one") == first
    assert told("two") != first
