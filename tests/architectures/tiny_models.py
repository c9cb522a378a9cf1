"""Tiny random models of the architectures that people fine-tune, in which every term of the computation counts."""

import math
from typing import Any

from attrs import field, frozen

VOCABULARY = 512
SMALL: dict[str, Any] = {
    **dict.fromkeys(("hidden_size", "n_embd", "d_model", "word_embed_proj_dim", "lru_width", "mamba_d_ssm"), 64),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "ffn_hidden_size", "n_inner", "intermediate_size_mlp"), 128),
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size", "expert_ffn_hidden_size"), 48),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers", "num_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads", "num_local_experts", "num_experts"), 4),
    **dict.fromkeys(("n_routed_experts", "moe_num_experts", "mamba_n_heads", "time_step_rank", "mamba_dt_rank"), 4),
    **dict.fromkeys(("num_key_value_heads", "num_kv_heads", "num_experts_per_tok", "moe_k", "moe_topk", "n_group"), 2),
    **dict.fromkeys(("n_groups", "linear_num_key_heads", "mamba_expand"), 2),
    **dict.fromkeys(("n_shared_experts", "moe_num_shared_experts", "topk_group", "mamba_n_groups"), 1),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "max_seq_len", "n_ctx"), 512),
    **dict.fromkeys(("vocab_size", "vocab_size_per_layer_input"), VOCABULARY),
    **dict.fromkeys(("head_dim", "qk_nope_head_dim", "v_head_dim", "mamba_d_head", "mamba_head_dim"), 16),
    **dict.fromkeys(("linear_key_head_dim", "linear_value_head_dim", "query_pre_attn_scalar"), 16),
    **dict.fromkeys(("mamba_chunk_size", "chunk_size", "attention_chunk_size", "hidden_size_per_layer_input"), 16),
    **dict.fromkeys(("state_size", "ssm_state_size", "mamba_d_state", "qk_rope_head_dim", "laurel_rank"), 8),
    **dict.fromkeys(("sliding_window", "attention_window_size", "window_size", "mamba_num_heads"), 8),
    **dict.fromkeys(("q_lora_rank", "kv_lora_rank", "mamba_headdim"), 32),
    **dict.fromkeys(("attention_dropout", "resid_pdrop", "embd_pdrop", "attn_pdrop", "hidden_dropout", "dropout"), 0.0),
    **dict.fromkeys(("residual_dropout", "embedding_dropout", "activation_dropout", "router_jitter_noise"), 0.0),
    **dict.fromkeys(("input_jitter_noise", "emb_pdrop", "layerdrop"), 0.0),
    "shared_intermediate_size": 96,
    "linear_num_value_heads": 4,
    "n_mamba_heads": 4,
    "pad_token_id": 0,
    "bos_token_id": None,
    "eos_token_id": 2,
}
"""Values by the config keys of all architectures; a config takes those that it knows."""

SLIDING = ["sliding_attention", "full_attention"]
LINEAR = ["linear_attention", "full_attention"]
YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 32}
LLAMA3 = {**YARN, "rope_type": "llama3", "low_freq_factor": 1.0, "high_freq_factor": 4.0}


@frozen
class Architecture:
    """An architecture, and what is promised of it.

    ``packs``: separate packing is exact; otherwise it is refused. ``reached``: share of the weights in matrices that
    LoRA on ``all-linear`` updates; a warning names those that it passes over.
    """

    model_type: str
    changed: dict[str, Any] = field(factory=dict)
    packs: bool = True
    reached: float = 1.0


def _of(model_type: str, *, packs: bool = True, reached: float = 1.0, **changed: Any) -> Architecture:
    return Architecture(model_type, changed, packs, reached)


ARCHITECTURES = {
    "Llama": _of("llama", sliding_window=None, rope_parameters=LLAMA3, eos_token_id=[2, 1]),
    "Llama, tied, with biases": _of("llama", tie_word_embeddings=True, attention_bias=True, mlp_bias=True),
    "Llama, YaRN": _of("llama", rope_parameters=YARN),
    "Llama 4 text": _of("llama4_text", num_hidden_layers=4, interleave_moe_layer_step=2, moe_layers=None,
                        no_rope_layers=None, layer_types=None, floor_scale=16, packs=False, reached=0.43),
    "Mistral": _of("mistral", sliding_window=8),
    "Mistral without windows": _of("mistral", sliding_window=None),
    "Ministral": _of("ministral", layer_types=SLIDING),
    "Mixtral": _of("mixtral", sliding_window=None),
    "Qwen2": _of("qwen2", sliding_window=None, use_sliding_window=False, tie_word_embeddings=True),
    "Qwen2 with windows": _of("qwen2", use_sliding_window=True, max_window_layers=1),
    "Qwen3": _of("qwen3", sliding_window=None, use_sliding_window=False, head_dim=32),
    "Qwen2-MoE": _of("qwen2_moe", sliding_window=None, use_sliding_window=False, reached=0.37),
    "Qwen3-MoE": _of("qwen3_moe", sliding_window=None, use_sliding_window=False),
    "Qwen3-Next": _of("qwen3_next", layer_types=LINEAR, packs=False, reached=0.85),
    "Qwen3.5 text": _of("qwen3_5_text", layer_types=LINEAR, packs=False),
    "Gemma": _of("gemma"),
    "Gemma 2": _of("gemma2", layer_types=SLIDING, final_logit_softcapping=5.0, attn_logit_softcapping=4.0),
    "Gemma 3 text": _of("gemma3_text", layer_types=SLIDING),
    "Phi": _of("phi", num_key_value_heads=4),
    "Phi-3": _of("phi3", sliding_window=8),
    "PhiMoE": _of("phimoe", sliding_window=None, reached=0.11),
    "GPT-2": _of("gpt2"),
    "GPT-NeoX": _of("gpt_neox"),
    "GPT-J": _of("gptj", rotary_dim=8),
    "GPT-BigCode": _of("gpt_bigcode"),
    "OPT": _of("opt", packs=False),
    "BLOOM": _of("bloom", packs=False),
    "MPT": _of("mpt", packs=False),
    "Falcon": _of("falcon", num_kv_heads=2, new_decoder_architecture=True),
    "StableLM": _of("stablelm", use_parallel_residual=False, qk_layernorm=True, use_qkv_bias=True),
    "OLMo": _of("olmo", clip_qkv=2.0),
    "OLMo 2": _of("olmo2"),
    "OLMo 3": _of("olmo3", layer_types=SLIDING),
    "OLMoE": _of("olmoe", clip_qkv=2.0),
    "DeepSeek-V2": _of("deepseek_v2", head_dim=8, n_group=None, topk_group=None, first_k_dense_replace=1,
                       num_key_value_heads=4, reached=0.67),
    "DeepSeek-V3": _of("deepseek_v3", head_dim=8, first_k_dense_replace=1, num_key_value_heads=4,
                       num_nextn_predict_layers=0, reached=0.67),
    "MiniCPM3": _of("minicpm3", head_dim=8, num_key_value_heads=4, dim_model_base=16),
    "GLM": _of("glm"),
    "GLM-4": _of("glm4"),
    "GLM-4-MoE": _of("glm4_moe", n_group=1, reached=0.65),
    "Granite": _of("granite", logits_scaling=4.0, embedding_multiplier=3.0, residual_multiplier=0.5,
                   attention_multiplier=0.2),
    "Granite-MoE": _of("granitemoe", logits_scaling=4.0, residual_multiplier=0.5, attention_multiplier=0.2,
                       reached=0.11),
    "Granite 4 hybrid": _of("granitemoehybrid", logits_scaling=4.0, layer_types=LINEAR, mamba_n_heads=8,
                            position_embedding_type="rope", packs=False, reached=0.28),
    "Cohere": _of("cohere", use_qk_norm=True),
    "Cohere 2": _of("cohere2", layer_types=SLIDING),
    "SmolLM3": _of("smollm3", sliding_window=None, no_rope_layers=[1, 0], layer_types=None),
    "InternLM3": _of("internlm3"),
    "Mamba": _of("mamba", packs=False, reached=0.69),
    "Mamba 2": _of("mamba2", num_heads=8, packs=False, reached=0.7),
    "Falcon-H1": _of("falcon_h1", lm_head_multiplier=0.5, embedding_multiplier=2.0, mlp_multipliers=[0.5, 0.25],
                     key_multiplier=0.5, attention_out_multiplier=0.7, ssm_multipliers=[0.5, 0.6, 0.7, 0.8, 0.9],
                     packs=False, reached=0.92),
    "Jamba": _of("jamba", attn_layer_period=2, attn_layer_offset=1, expert_layer_period=2, expert_layer_offset=1,
                 use_mamba_kernels=False, packs=False, reached=0.39),
    "Bamba": _of("bamba", attn_layer_indices=[1], mamba_n_heads=8, packs=False),
    "Nemotron": _of("nemotron"),
    "gpt-oss": _of("gpt_oss", layer_types=SLIDING, eos_token_id=[2, 1], packs=False, reached=0.11),
    "ERNIE 4.5": _of("ernie4_5"),
    "ERNIE 4.5 MoE": _of("ernie4_5_moe", moe_layer_start_index=1, moe_layer_end_index=1, reached=0.65),
    "Seed-OSS": _of("seed_oss"),
    "HunYuan": _of("hunyuan_v1_dense"),
    "HunYuan-MoE": _of("hunyuan_v1_moe", reached=0.82),
    "EXAONE 4": _of("exaone4", layer_types=SLIDING, sliding_window_pattern=2),
    "LFM2": _of("lfm2", layer_types=["conv", "full_attention"], block_auto_adjust_ff_dim=False, full_attn_idxs=None,
                packs=False),
    "RecurrentGemma": _of("recurrent_gemma", block_types=["recurrent", "attention"], logits_soft_cap=5.0, packs=False,
                           reached=0.96),
    "Starcoder2": _of("starcoder2", sliding_window=8),
    "Apertus": _of("apertus"),
    "Arcee": _of("arcee"),
}  # fmt: skip
"""Architectures of transformers by the name that people know; the page about them is made of this table."""

WITHOUT_HEAD_DIM = {"qwen2", "falcon", "granite", "gpt_neox"}


def make_model(name: str) -> Any:
    """Return a random causal language model in float32, in eval mode."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(_config(ARCHITECTURES[name]))
    _randomise(model)
    settings = model.generation_config
    settings.pad_token_id, settings.eos_token_id, settings.bos_token_id = 0, 2, None
    return model.eval()


def _config(one: Architecture) -> Any:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    kind = CONFIG_MAPPING[one.model_type]
    mapped = getattr(kind, "attribute_map", {})
    known = set(kind().to_dict()) | set(mapped)
    given = {key: value for key, value in SMALL.items() if key in known and mapped.get(key) not in SMALL}
    if one.model_type in WITHOUT_HEAD_DIM:
        given.pop("head_dim", None)
    return kind(**(given | one.changed))


def _randomise(model: Any) -> None:
    """Give matrices unit gain, and biases, norms and sinks values that are not their start, so that none is idle."""
    import torch

    draw = torch.Generator().manual_seed(1)
    buffers = [(name, part) for name, part in model.named_buffers() if "e_score" in name or "expert_bias" in name]
    with torch.no_grad():
        for name, part in [*model.named_parameters(), *buffers]:
            if part.is_floating_point():
                part.copy_(_drawn(name.lower(), part, torch.randn(part.shape, generator=draw)))


def _drawn(name: str, part: Any, noise: Any) -> Any:
    import torch

    if name.endswith("a_log"):
        return torch.sigmoid(noise) * 3 - 4
    if name.endswith((".d", "dt_bias", "dt_proj.bias")) or "recurrent_param" in name:
        return part + 0.1 * noise
    if any(word in name for word in ("embed", "wte", "wpe")):
        return noise * (0.5 if "pos" in name or "wpe" in name else 1.0)
    if part.dim() == 1 and "sink" not in name:
        return part + 0.2 * noise
    fan = part.shape[-1] if part.dim() == 2 else max(part.shape[1:], default=1)
    return noise * (0.5 if "conv" in name else 1.0 / math.sqrt(fan) if part.dim() > 1 else 1.0)
