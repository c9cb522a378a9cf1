"""Pre-trains the model behind ``builtin:tiny`` from the running Python's own sources.

    python build.py OUT [--minutes 8]

Seeded and self-contained: no network, no data beyond the standard library. The folder it writes is
what ``ftctl_adapters/modeling/tiny`` carries. A later run on another machine or torch makes an equally good
model with other bits, which is why the weights are committed once and everybody starts from them.
"""

import argparse
import math
import pathlib
import random
import sysconfig
import time

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

SEED = 20
VOCABULARY = 2048
WINDOW = 256
BATCH = 24
PEAK_LEARNING_RATE = 3e-3
SKIPPED = {"test", "tests", "idlelib", "site-packages", "lib2to3", "pydoc_data", "encodings", "turtledemo"}
SPECIALS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def sources() -> list[str]:
    """Every module of the standard library but tests and tables, in path order."""
    root = pathlib.Path(sysconfig.get_paths()["stdlib"])
    files = [p for p in sorted(root.rglob("*.py")) if not SKIPPED & set(p.relative_to(root).parts)]
    return [p.read_text(encoding="utf-8", errors="ignore") for p in files]


def make_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=SPECIALS, initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token="<|im_end|>", pad_token="<|endoftext|>", model_max_length=1024
    )
    tokenizer.chat_template = TEMPLATE
    return tokenizer


def make_model(tokenizer: PreTrainedTokenizerFast) -> Qwen2ForCausalLM:
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=192,
        intermediate_size=576,
        num_hidden_layers=4,
        num_attention_heads=6,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return Qwen2ForCausalLM(config)


def pretrain(model: Qwen2ForCausalLM, tokens: torch.Tensor, steps: int) -> None:
    """Plain next-token training on random windows; the schedule is linear warm-up, then cosine to a tenth."""
    pick = random.Random(SEED)
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_LEARNING_RATE, betas=(0.9, 0.95), weight_decay=0.05)
    started = time.monotonic()
    for step in range(steps):
        progress = step / steps
        scale = min(1.0, step / 100) * (0.1 + 0.9 * 0.5 * (1 + math.cos(math.pi * progress)))
        for group in optimizer.param_groups:
            group["lr"] = PEAK_LEARNING_RATE * scale
        starts = [pick.randrange(len(tokens) - WINDOW) for _ in range(BATCH)]
        batch = torch.stack([tokens[s : s + WINDOW] for s in starts])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = model(input_ids=batch, labels=batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 50 == 0 or step == steps - 1:
            print(f"step {step}/{steps} loss {loss.item():.3f} {time.monotonic() - started:.0f}s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--steps", type=int, default=1200)
    arguments = parser.parse_args()
    random.seed(SEED)
    torch.manual_seed(SEED)
    texts = sources()
    tokenizer = make_tokenizer(texts)
    end = tokenizer.pad_token_id
    ids = [i for text in texts for i in [*tokenizer(text)["input_ids"], end]]
    print(f"{len(texts)} files, {len(ids):,} tokens", flush=True)
    model = make_model(tokenizer)
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters", flush=True)
    pretrain(model, torch.tensor(ids), arguments.steps)
    model.to(torch.bfloat16).save_pretrained(arguments.out)
    tokenizer.save_pretrained(arguments.out)


if __name__ == "__main__":
    main()
