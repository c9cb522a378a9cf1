"""A model and a data set for tests: four layers, and greetings in five scripts."""

import json
from pathlib import Path

from ftctl.domain.artifact import Artifact
from ftctl.domain.example import Example, Message
from ftctl.domain.format import HF
from ftctl.domain.resources import ModelShape
from ftctl.plugin.offer import load

BUILTIN = "builtin:tiny"
FOLDERS = "ftctl_adapters.modeling.reference:BUILTIN"
INTAKE = "ftctl_adapters.modeling.intake:LocalModelIntake"
FACTS, VIEW = "ftctl_adapters.modeling.intake:facts_of", "ftctl_adapters.modeling.view:make_view"
PHRASES = {
    "German": ("Guten Morgen.", "Guten Abend.", "Gute Nacht.", "Danke schön.", "Bis morgen.", "Wie geht es dir?"),
    "French": ("Bonjour.", "Bonsoir.", "Bonne nuit.", "Merci beaucoup.", "À demain.", "Comment ça va ?"),
    "Chinese": ("早上好。", "晚上好。", "晚安。", "非常感谢。", "明天见。", "你好吗?"),
    "Greek": ("Καλημέρα.", "Καλησπέρα.", "Καληνύχτα.", "Ευχαριστώ πολύ.", "Τα λέμε αύριο.", "Τι κάνεις;"),
    "Hindi": ("सुप्रभात।", "शुभ संध्या।", "शुभ रात्रि।", "बहुत धन्यवाद।", "कल मिलते हैं।", "आप कैसे हैं?"),
}
ENGLISH = ("Good morning.", "Good evening.", "Good night.", "Thank you very much.", "See you tomorrow.", "How are you?")
VALIDATION = 4


def tiny_model() -> Artifact:
    """The model that comes with ftctl, only to be read: Qwen 2, 4 layers, 2,048 tokens, bfloat16."""
    folder = load(FOLDERS)[BUILTIN]
    return Artifact("model", HF, "b" * 64, str(folder), load(FACTS)(load(VIEW)(folder)))


def tiny_shape() -> ModelShape:
    """Return the shape of `tiny_model` as the planner knows it."""
    shape: ModelShape = load(INTAKE)().look(BUILTIN, None).shape
    return shape


def phrases() -> list[Example]:
    """Every phrase once, as a question with its answer."""
    return [
        Example(f"phrases:{language}:{place}", (Message("user", f"{language}: {asked}"), Message("assistant", said)))
        for place, asked in enumerate(ENGLISH)
        for language, said in ((language, answers[place]) for language, answers in PHRASES.items())
    ]


def phrases_dataset(folder: Path) -> Artifact:
    """The phrases as a data set artifact in ``folder``, the last ones for validation and for the test."""
    every = phrases()
    splits = {"train": every[:-VALIDATION], "validation": every[-VALIDATION:], "test": every[-VALIDATION:]}
    for name, rows in splits.items():
        lines = (json.dumps(row.to_row(), ensure_ascii=False) for row in rows)
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    facts = {"splits": {name: len(rows) for name, rows in splits.items()}}
    return Artifact("dataset", "jsonl", "d" * 64, str(folder), facts)
