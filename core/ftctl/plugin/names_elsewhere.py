"""Names that other fine-tuning programs have for the keys of a run file, for the message about an unknown key.

LLaMA-Factory, axolotl, ms-swift, TRL, Unsloth and Oumi, and short forms in use.
"""

from collections.abc import Collection

ELSEWHERE: dict[str, str] = {
    **dict.fromkeys(("lr", "max_lr", "peak_lr"), "learning_rate"),
    **dict.fromkeys(("epochs", "num_epochs", "n_epochs", "max_epochs"), "num_train_epochs"),
    **dict.fromkeys(("batch_size", "micro_batch_size", "train_batch_size"), "per_device_train_batch_size"),
    **dict.fromkeys(("grad_accum", "accumulation_steps", "grad_accumulation_steps"), "gradient_accumulation_steps"),
    **dict.fromkeys(("cutoff_len", "sequence_len", "max_seq_length", "max_seq_len", "model_max_length"), "max_length"),
    **dict.fromkeys(("truncation_strategy", "truncation_mode", "excess_length_strategy"), "overlong"),
    **dict.fromkeys(("lora_r", "lora_rank", "r"), "rank"),
    **dict.fromkeys(("alpha",), "lora_alpha"),
    **dict.fromkeys(("dropout",), "lora_dropout"),
    **dict.fromkeys(("lora_target", "lora_target_modules", "lora_target_linear"), "target_modules"),
    **dict.fromkeys(("lora_target_parameters",), "target_parameters"),
    **dict.fromkeys(("dora", "peft_use_dora"), "use_dora"),
    **dict.fromkeys(("rslora", "peft_use_rslora"), "use_rslora"),
    **dict.fromkeys(("optimizer", "optim_type"), "optim"),
    **dict.fromkeys(("lr_scheduler", "scheduler", "schedule"), "lr_scheduler_type"),
    **dict.fromkeys(("warmup",), "warmup_ratio"),
    **dict.fromkeys(("grad_clip", "gradient_clipping", "max_norm"), "max_grad_norm"),
    **dict.fromkeys(("use_gradient_checkpointing", "enable_gradient_checkpointing"), "gradient_checkpointing"),
    **dict.fromkeys(("sample_packing", "neat_packing", "pack"), "packing"),
    **dict.fromkeys(
        ("train_on_inputs", "train_on_prompt", "assistant_only_loss", "completion_only_loss", "loss_scale"), "loss_on"
    ),
    **dict.fromkeys(("mask_history",), "loss_on"),
    **dict.fromkeys(("pref_beta", "rlhf_beta", "dpo_beta", "rl_beta"), "beta"),
    **dict.fromkeys(("pref_loss", "rlhf_type", "rl", "stage", "loss_type"), "objective"),
    **dict.fromkeys(("model_name_or_path", "base_model", "model_name", "model_id"), "model"),
    **dict.fromkeys(("revision_of_model", "revision"), "model_revision"),
    **dict.fromkeys(("chat_template_path", "template", "chat_template_jinja"), "chat_template"),
    **dict.fromkeys(("new_special_tokens", "special_tokens", "tokens"), "add_tokens"),
    **dict.fromkeys(("dataset", "datasets", "dataset_name", "train_dataset", "data"), "data_source"),
    **dict.fromkeys(("finetuning_type", "tuner_type", "train_type", "adapter"), "tuner"),
    **dict.fromkeys(("columns", "field_mapping", "message_property_mappings"), "names"),
    **dict.fromkeys(("val_size", "val_set_size", "split_dataset_ratio", "test_split_size"), "split"),
    **dict.fromkeys(("dataset_config", "subset"), "config"),
    **dict.fromkeys(("dataset_path", "data_files", "file", "file_name"), "path"),
    **dict.fromkeys(("random_state", "random_seed"), "seed"),
    **dict.fromkeys(("deepspeed_config",), "deepspeed"),
    **dict.fromkeys(("eval_steps_per_epoch", "evals_per_epoch"), "eval_steps"),
    **dict.fromkeys(("saves_per_epoch",), "save_steps"),
}
"""Our key by the name elsewhere."""

TUNING = frozenset(
    {
        *("learning_rate", "num_train_epochs", "per_device_train_batch_size", "gradient_accumulation_steps"),
        *("max_length", "overlong", "rank", "lora_alpha", "lora_dropout", "target_modules", "target_parameters"),
        *("use_dora", "use_rslora", "optim", "lr_scheduler_type", "warmup_ratio", "warmup_steps", "max_grad_norm"),
        *("gradient_checkpointing", "packing", "loss_on", "beta", "objective", "weight_decay", "deepspeed", "bf16"),
        *("fp16", "logging_steps", "eval_steps", "save_steps", "max_steps"),
    }
)
"""Keys of tuners, which other programs have at the top of their files."""


def called_here(name: str, known: Collection[str]) -> str | None:
    """Return the key that is called ``name`` elsewhere, if it is one of the known.

    Where ``tuner`` is one of them, a key of tuners is returned with its path.
    """
    plain = name.lower().replace("-", "_")
    found = ELSEWHERE.get(plain, plain)
    if found in known:
        return found
    return f"tuner.{found}" if found in TUNING and "tuner" in known else None
