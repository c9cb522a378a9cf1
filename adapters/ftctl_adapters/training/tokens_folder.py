"""Folder of a data set's tokens, shared by runs with equal tokens."""

import hashlib
from pathlib import Path

from ftctl import __version__
from ftctl.domain.artifact import Artifact
from ftctl.domain.codec import digest
from ftctl.plugin import is_sealed
from ftctl.ports import Objective, StageContext
from ftctl_adapters.training.options import TrainingOptions

TOKENIZING = (
    "tokenizer",
    "special_tokens_map",
    "added_tokens",
    "chat_template",
    "template_date",
    "vocab",
    "merges",
    "config",
    "generation",
)
"""How files begin that say how text becomes tokens and where an answer ends."""

DECISIVE = ("max_length", "overlong", "loss_on", "template_drops", "special_tokens")
"""Options of training that tokens depend on."""

REVISION = 5
"""Of the way in which examples become tokens and labels: another one makes other tokens of the same examples."""


def tokens_folder(
    context: StageContext, objective: Objective, options: TrainingOptions, model: Artifact, data: Artifact
) -> Path:
    """Return the folder, by tokenizer, template, data set, objective and relevant options.

    Of an encrypted data set they stay in the stage's own folder, which is gone when the stage is done. An objective of
    others may make other tokens in another version, which nobody here can tell: its tokens stay there too.
    """
    kind = type(objective)
    tokenizer = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in _files(Path(model.path))}
    chosen = {name: getattr(options, name) for name in DECISIVE}
    asked = repr(getattr(objective, "options", getattr(objective, "_options", None)))
    key = digest([__version__, REVISION, kind.__module__, kind.__qualname__, asked, tokenizer, chosen, data.digest])
    ours = kind.__module__.startswith("ftctl_plugins.")
    shared = context.settings.get("tokens") if ours and not is_sealed(data) else None
    return Path(shared or context.work / "tokens") / key


def _files(model: Path) -> list[Path]:
    named = (path for path in model.iterdir() if path.is_file() and path.suffix != ".safetensors")
    return sorted(path for path in named if path.name.startswith(TOKENIZING))
