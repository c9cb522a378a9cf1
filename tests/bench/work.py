"""The work that ftctl and its peers are timed on: a random 57.7 M Qwen2 and chats out of Python's documentation.

It is the same on every machine with one Python version: vocabulary, weights and chats come from fixed seeds.
"""

import json
import random
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
VOCABULARY = 65_536
"""Of the model: as wide as a real one's. The tokenizer uses the first 4,096."""


def make(folder: Path, rows: int = 256) -> None:
    """Writes ``model/``, ``messages.jsonl``, and the same for LLaMA-Factory: ``alpaca.json``, ``dataset_info.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = list(topics.values())
    tokenizer = _tokenizer(texts)
    _model(tokenizer).save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    chats = list(_chats(texts, rows))
    alpaca = [{"instruction": asked, "input": "", "output": answer} for asked, answer in chats]
    messages = [[{"role": "user", "content": a}, {"role": "assistant", "content": b}] for a, b in chats]
    (folder / "alpaca.json").write_text(json.dumps(alpaca))
    (folder / "dataset_info.json").write_text(json.dumps({"work": {"file_name": "alpaca.json"}}))
    (folder / "messages.jsonl").write_text("".join(json.dumps({"messages": m}) + "\n" for m in messages))


def _tokenizer(texts: list[str]) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=4096, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator(texts, trainer)
    found = PreTrainedTokenizerFast(tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    found.chat_template = TEMPLATE
    return found


def _model(tokenizer: Any) -> Any:
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=512,
        intermediate_size=1536,
        num_hidden_layers=8,
        num_attention_heads=8,
        num_key_value_heads=2,
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
    )
    torch.manual_seed(0)
    return Qwen2ForCausalLM(config).to(torch.bfloat16)


def _chats(texts: list[str], rows: int) -> Any:
    draw = random.Random(0)
    paragraphs = [part for text in texts for part in text.split("\n\n") if len(part) > 80]
    for _ in range(rows):
        asked = " ".join(draw.sample(paragraphs, k=draw.choice([1, 1, 2, 3])))[:1600]
        yield asked, draw.choice(paragraphs)[:400]
