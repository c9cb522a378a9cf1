"""Files beside the weights, which go wherever the model goes."""

from pathlib import Path

TEMPLATE_DATE = "template_date.json"
"""Name of the file with the day that a chat template is told."""

COMPANIONS = (
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json"),
    *("merges.txt", "vocab.txt", "tokenizer.model", "chat_template.jinja", "generation_config.json", "golden.json"),
    TEMPLATE_DATE,
)


def take_along(source: Path, out: Path) -> None:
    """Copy tokenizer, chat template, generation config and golden cases, byte for byte.

    What was trained with is what is served with; files of these names that a library wrote are replaced.
    """
    for name in COMPANIONS:
        if (source / name).exists():
            (out / name).write_bytes((source / name).read_bytes())
