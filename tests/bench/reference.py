"""A plain PEFT training loop in float32, over the very batches that ftctl takes: what the losses should be."""

import json
import math
import statistics
from pathlib import Path
from typing import Any

SEED, BATCH, RATE = 42, 8, 2e-4


def mean_loss(work: Path) -> float:
    """The mean over the epoch's steps of each step's loss."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from ftctl_adapters.training.sample_order import epoch_steps
    from ftctl_adapters.training.schedule import learning_rate

    torch.manual_seed(SEED)
    tokenizer = AutoTokenizer.from_pretrained(work / "model")
    model = AutoModelForCausalLM.from_pretrained(work / "model", dtype=torch.float32)
    model = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM"))
    model.train()
    rows = [_encode(tokenizer, json.loads(line)["messages"]) for line in (work / "messages.jsonl").open()]
    batches = [batch for step in epoch_steps([len(ids) for ids, _ in rows], BATCH, 1, SEED, 0) for batch in step]
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], weight_decay=0.0)
    losses = []
    for step, batch in enumerate(batches):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(RATE, "cosine", step, len(batches), math.ceil(0.03 * len(batches)))
        loss = model(**_padded([rows[row] for row in batch], tokenizer.pad_token_id)).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    return statistics.mean(losses)


def _encode(tokenizer: Any, messages: list[dict[str, str]]) -> tuple[list[int], list[int]]:
    whole = tokenizer.apply_chat_template(messages, return_dict=False)
    asked = tokenizer.apply_chat_template(messages[:1], add_generation_prompt=True, return_dict=False)
    # the newline after the answer's end belongs to the template, not to the answer
    return whole, [-100] * len(asked) + whole[len(asked) : -1] + [-100]


def _padded(rows: list[tuple[list[int], list[int]]], pad: int) -> dict[str, Any]:
    import torch

    longest = max(len(ids) for ids, _ in rows)
    return {
        "input_ids": torch.tensor([ids + [pad] * (longest - len(ids)) for ids, _ in rows]),
        "attention_mask": torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids, _ in rows]),
        "labels": torch.tensor([labels + [-100] * (longest - len(labels)) for _, labels in rows]),
    }
