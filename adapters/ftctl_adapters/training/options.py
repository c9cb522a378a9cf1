"""Training options of every tuner over the engine; their names are Hugging Face's."""

from ftctl.plugin import option, options

ALL_LINEAR = "all-linear"
"""PEFT's word for all linear layers but the head."""


@options
class TrainingOptions:
    """Options of every tuner over the engine."""

    loss_on: str = option(
        "answers",
        help="Trained tokens: of every answer, of the last one, or all.",
        choices=("answers", "last_answer", "all"),
    )
    max_length: int = option(1024, help="Longest example in tokens; `overlong` says what happens to longer ones.", ge=8)
    overlong: str = option(
        "error",
        help="Handling of examples over max_length; each is counted in the ledger.",
        choices=("error", "drop", "truncate_left", "truncate_right", "split"),
    )
    template_drops: str = option(
        "refuse",
        help="Examples of which the chat template leaves out turns or tools: refuse, or train them and count.",
        choices=("refuse", "allow"),
    )
    special_tokens: str = option(
        "refuse",
        help="Rows whose text spells a special token, such as <|im_end|>: refuse, or drop them and count.",
        choices=("refuse", "drop"),
    )
    packing: bool = option(False, help="Put several examples into one sequence of max_length.")
    packing_attention: str = option(
        "separate",
        help="Attention of packed examples: separate, or joined across them.",
        choices=("separate", "joined"),
    )
    learning_rate: float = option(2e-4, help="Peak learning rate.", gt=0, lt=1)
    lr_scheduler_type: str = option(
        "cosine",
        help="Learning-rate schedule, as in transformers; constant has no warm-up.",
        choices=("cosine", "linear", "constant", "constant_with_warmup"),
    )
    warmup_steps: int = option(0, help="Steps in which the rate rises from 0; 0: warmup_ratio decides.", ge=0)
    warmup_ratio: float = option(0.03, help="Share of all steps in which the rate rises from 0.", ge=0, lt=1)
    weight_decay: float = option(0.0, help="Weight decay; biases and norms are left out.", ge=0, le=1)
    max_grad_norm: float = option(1.0, help="Gradients are clipped to this norm; 0 does not clip.", ge=0)
    optim: str = option(
        "adamw_torch",
        help="The optimizer; adamw_8bit and lion_32bit are bitsandbytes'.",
        choices=("adamw_torch", "adamw_8bit", "adafactor", "lion_32bit", "sgd"),
    )
    adam_beta1: float = option(0.9, help="Decay of the first moment, of Lion too.", ge=0, lt=1)
    adam_beta2: float = option(0.999, help="Decay of the second moment; Lion's usual is 0.99.", ge=0, lt=1)
    adam_epsilon: float = option(1e-8, help="Added to the root of the second moment.", gt=0)
    gradient_checkpointing: bool = option(
        False, help="Recompute activations in the backward pass: far less memory, slower."
    )
    num_train_epochs: int = option(3, help="Passes over the train split.", ge=1, le=100_000)
    max_steps: int = option(-1, help="Optimizer steps after which training ends; -1: epochs decide.", ge=-1)
    per_device_train_batch_size: int = option(8, help="Examples in one forward pass of a process.", ge=1, le=65_536)
    gradient_accumulation_steps: int = option(1, help="Forward passes an optimizer step.", ge=1, le=65_536)
    bf16: bool | None = option(None, help="true: bfloat16 weights, false: float32; null: as the model is stored.")
    fp16: bool = option(False, help="float16 weights and a loss that is scaled up; for adapters only.")
    divergence_ratio: float | None = option(
        2.0,
        help="Training ends when the running mean loss exceeds this many times the initial loss, plus 1; null: never.",
        gt=1,
    )
    engine: str = option(
        "single",
        help="Processes that train together: one, or several with whole (ddp) or divided models (fsdp, deepspeed).",
        choices=("single", "ddp", "fsdp", "deepspeed"),
    )
    deepspeed: str = option("zero2", help="zero2, zero3, zero2_offload, zero3_offload, or a JSON file of DeepSpeed's.")
    logging_steps: int = option(10, help="Steps from one reported loss to the next.", ge=1)
    eval_steps: int | None = option(
        None, help="Steps between evaluations on the validation split; null: every epoch.", ge=1
    )
    save_steps: int | None = option(None, help="Steps between checkpoints; null: every 50 steps and every epoch.", ge=1)
    save_total_limit: int = option(2, help="Checkpoints kept; the best is kept beside them.", ge=1)
    load_best_model_at_end: bool = option(True, help="Keep the weights of the lowest validation loss, not the last.")
    early_stopping_patience: int | None = option(None, help="Evaluations without improvement before it ends.", ge=1)
    early_stopping_threshold: float = option(0.0, help="Smallest fall of the loss that counts as improvement.", ge=0)
