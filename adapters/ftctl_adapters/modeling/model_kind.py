"""Tell causal language models from models of other kinds, by their config."""

from typing import Any

from ftctl.errors import ModelMismatch

ENCODERS = frozenset(
    {
        *("albert", "bert", "big_bird", "camembert", "canine", "convbert", "data2vec-text", "deberta"),
        *("deberta-v2", "distilbert", "electra", "ernie", "esm", "eurobert", "flaubert", "fnet", "funnel", "ibert"),
        *("jina_bert_v3", "longformer", "luke", "megatron-bert", "mobilebert", "modernbert", "mpnet", "mra"),
        *("nomic_bert", "nystromformer", "rembert", "roberta", "roberta-prelayernorm", "roformer", "squeezebert"),
        *("xlm", "xlm-roberta", "xlm-roberta-xl", "xmod", "yoso"),
    }
)
"""Architectures of transformers whose tokens see those behind them, unless ``is_decoder`` says otherwise."""

OTHER_HEADS = {
    "ForMaskedLM": "fills in masked tokens",
    "ForPreTraining": "is an encoder",
    "ForSequenceClassification": "classifies texts",
    "ForTokenClassification": "classifies tokens",
    "ForQuestionAnswering": "marks answers in a text",
    "ForMultipleChoice": "chooses among texts",
}
MEDIA = ("vision_config", "audio_config", "video_config", "vision_tower_config", "thinker_config")
"""Config keys of models that take more than text."""


def text_config(config: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a config that describes the language model, which some nest."""
    nested = config.get("text_config")
    return {**config, **nested} if isinstance(nested, dict) else config


def refuse_other_kinds(config: dict[str, Any], where: str) -> None:
    """Refuse what is no decoder of text, before anything long runs.

    Args:
        config: the content of ``config.json``.
        where: the model's name, for the message.

    Raises:
        ModelMismatch: an encoder, an encoder-decoder, a model with another head, or one of images, audio or video.
    """
    kind, named = str(config.get("model_type")), config.get("architectures")
    name = str(named[0]) if isinstance(named, list) and named else kind
    reason = _reason(config, kind, name)
    if reason:
        text = f"{where}: {name} {reason}; ftctl fine-tunes causal language models of text"
        raise ModelMismatch(text, next_step="take a model whose config.json names a class that ends in ForCausalLM")


def _reason(config: dict[str, Any], kind: str, name: str) -> str | None:
    if config.get("is_encoder_decoder"):
        return "is an encoder-decoder"
    for ending, reason in OTHER_HEADS.items():
        if name.endswith(ending):
            return reason
    media = [key for key in MEDIA if isinstance(config.get(key), dict)]
    if media or (name.endswith("ForConditionalGeneration") and "text_config" in config):
        return f"takes {media[0].partition('_')[0] if media else 'more than text'} input"
    if kind in ENCODERS and not config.get("is_decoder"):
        return "is an encoder: its tokens see those behind them"
    return None
