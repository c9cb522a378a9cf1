"""The same work by other programs, each in its own interpreter."""

import json
import os
import subprocess
import time
from pathlib import Path

from attrs import frozen

TRAINING = {
    "per_device_train_batch_size": 8,
    "gradient_accumulation_steps": 1,
    "learning_rate": 2e-4,
    "num_train_epochs": 1,
    "lr_scheduler_type": "cosine",
    "bf16": True,
    "use_cpu": True,
    "logging_steps": 1,
    "save_strategy": "no",
    "report_to": "none",
}
TRL_SCRIPT = """
import json, sys
from datasets import Dataset
from peft import LoraConfig
from trl import SFTConfig, SFTTrainer
work, out, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
rows = [json.loads(line) for line in open(work + "/messages.jsonl")]
config = SFTConfig(output_dir=out, max_length=4096, model_init_kwargs={"dtype": "bfloat16"}, **options)
lora = LoraConfig(r=8, lora_alpha=16, target_modules="all-linear", task_type="CAUSAL_LM")
done = SFTTrainer(work + "/model", args=config, train_dataset=Dataset.from_list(rows), peft_config=lora).train()
json.dump(done.metrics, open(out + "/train_results.json", "w"))
"""


@frozen
class Timing:
    """``seconds`` of the training loop alone, ``wall`` of the whole program, ``rss`` its peak in bytes."""

    seconds: float
    wall: float
    rss: int
    loss: float


def llamafactory(python: str, work: Path, out: Path) -> Timing:
    """LLaMA-Factory's ``train`` command."""
    out.mkdir(parents=True)
    options = {
        **TRAINING,
        "model_name_or_path": str(work / "model"),
        "stage": "sft",
        "do_train": True,
        "finetuning_type": "lora",
        "lora_rank": 8,
        "lora_target": "all",
        "dataset_dir": str(work),
        "dataset": "work",
        "template": "chatml",
        "cutoff_len": 4096,
        "output_dir": str(out),
    }
    (out / "work.yaml").write_text(json.dumps(options))
    command = [python, "-c", "from llamafactory.cli import main; main()", "train", str(out / "work.yaml")]
    return _timed(command, out)


def trl(python: str, work: Path, out: Path) -> Timing:
    """TRL's SFTTrainer, called as its documentation does."""
    out.mkdir(parents=True)
    return _timed([python, "-c", TRL_SCRIPT, str(work), str(out), json.dumps(TRAINING)], out)


def _timed(command: list[str], out: Path) -> Timing:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "DO_NOT_TRACK": "1"}
    started = time.monotonic()
    with (out / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command[0]} failed:\n" + (out / "log").read_text(errors="replace")[-2000:])
    found = json.loads((out / "train_results.json").read_text())
    return Timing(
        found["train_runtime"], time.monotonic() - started, usage.ru_maxrss * 1024, found.get("train_loss", 0)
    )
