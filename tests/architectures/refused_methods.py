"""Architectures that a tuner, with its default options, refuses when a run is planned."""

HYBRIDS = {"Bamba", "Falcon-H1", "Granite 4 hybrid", "Jamba", "LFM2", "Qwen3-Next", "Qwen3.5 text", "RecurrentGemma"}
LATENT = {"DeepSeek-V2", "DeepSeek-V3", "MiniCPM3"}
STATES_ALONE = {"Mamba", "Mamba 2"}
FUSED_EXPERTS = {"ERNIE 4.5 MoE", "GLM-4-MoE", "Granite-MoE", "HunYuan-MoE", "Jamba", "Llama 4 text", "Mixtral",
                 "OLMoE", "PhiMoE", "Qwen2-MoE", "Qwen3-MoE", "Qwen3-Next", "gpt-oss"}  # fmt: skip
OTHER_NAMES = {"BLOOM", "Falcon", "GPT-2", "GPT-BigCode", "GPT-J", "GPT-NeoX", "Granite 4 hybrid", "LFM2", "MPT", "OPT",
               "Phi", "Phi-3", "Starcoder2"}  # fmt: skip

REFUSED = {
    "adapter": STATES_ALONE,
    "ia3": FUSED_EXPERTS | OTHER_NAMES | LATENT | STATES_ALONE,
    "prefix": HYBRIDS | LATENT | STATES_ALONE | {"Falcon", "GPT-BigCode", "MPT"},
}
"""By tuner; the others take all architectures of the table."""
