"""The evaluators that come with ftctl."""

from attrs import evolve

from ftctl.plugin import BASE, INSIDE, OUTSIDE, OWN_CASES, SCORES, SERVER, Need, Offer, hookimpl


@hookimpl
def ftctl_offers() -> list[Offer]:
    return [
        _offer("text-metrics", "TextMetrics", "Greedy answers against the expected ones: exact match, F1, BLEU, ROUGE",
               needs=("sacrebleu", "rouge_score")),
        _offer("perplexity", "Perplexity", "How probable the expected answers are: perplexity by token, bits by byte",
               (SCORES,)),
        _offer("structured", "Structured", "Answers that must be JSON: validity, schema, fields"),
        _offer("robust", "Robust", "The same questions mistyped, scanned, padded, in other words; and attacked",
               needs=("opencc",)),
        _offer("diversity", "Diversity", "Whether answers repeat each other", needs=("sacrebleu",)),
        _offer("shift", "Shift", "Whether some questions are answered worse than the rest", needs=("numpy", "sklearn")),
        _offer("pii", "Pii", "Whether answers tell personal data that was not in the question",
               needs=("stdnum", "phonenumbers"), extra="data"),
        _offer("calibrate", "Calibrate", "Whether the model is as sure of its answers as it is right", (SCORES,)),
        _offer("judge", "Judge", "Answers beside the expected ones, by a language model, and what it is worth"),
        _offer("rubric", "Rubric", "Grades by criteria, by a language model, and whether it tells good from nonsense"),
        _offer("human", "Human", "People say which answer is better, by forms", needs=("numpy",)),
        _offer("attribution", "AttributionEvaluator", "Which words of a question an answer depends on", (INSIDE,),
               needs=("torch", "transformers"), extra="hf"),
        _offer("attention", "AttentionEvaluator", "Where the model looks while it answers", (INSIDE,),
               needs=("torch", "transformers"), extra="hf"),
        _offer("lens", "LensEvaluator", "What each layer would already say", (INSIDE,),
               needs=("torch", "transformers"), extra="hf"),
        _offer("influence", "InfluenceEvaluator", "Which training examples pull the model as a test example does",
               (INSIDE,), needs=("torch", "transformers"), extra="hf"),
        _offer("forgetting", "Forgetting", "Small general tasks that the base model could do", (OWN_CASES,)),
        _offer("drift", "Drift", "How far the model has gone from its base, on what the base says", (SCORES, BASE)),
        _offer("fairness", "Fairness", "Whether people are answered alike, and which stereotypes are likely",
               (OWN_CASES, SCORES)),
        _offer("boundary", "Boundary", "Odd, long and unanswerable questions, earlier turns, formats", (OWN_CASES,)),
        _offer("jailbreak", "Jailbreak", "Whether a rule can be talked away, by harmless secrets", (OWN_CASES,)),
        _offer("injection", "Injection", "Whether texts that are only read give orders", (OWN_CASES,)),
        _offer("prompt-leak", "PromptLeak", "Whether a system prompt comes out", (OWN_CASES,)),
        _offer("load", "LoadEvaluator", "How long a server keeps its users waiting, and what it takes",
               (OWN_CASES, SERVER), needs=("psutil",)),
        _offer("code", "Code", "Whether functions that are written pass their tests, run in a sandbox", (OWN_CASES,)),
        _apart("bench", "Bench", "Tasks of lm-evaluation-harness, by itself", "lm-eval", INSIDE),
        _apart("garak", "Garak", "Probes of the scanner garak, by itself", "garak"),
        _apart("pyrit", "Pyrit", "Attacks of the framework PyRIT, by itself", "pyrit"),
        _apart("inspect-ai", "InspectAI", "Tasks of the framework Inspect, by itself", "inspect-ai"),
        _offer("membership", "Membership", "Whether it shows which rows were trained on", (SCORES,)),
        _offer("memorise", "Memorise", "Whether planted codes can be guessed from the model",
               (OWN_CASES, SCORES)),
    ]  # fmt: skip


def _offer(
    name: str,
    kind: str,
    summary: str,
    capabilities: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
    extra: str = "eval",
) -> Offer:
    module = f"ftctl_plugins.evaluators.{name.replace('-', '_')}"
    return Offer(
        port="evaluator",
        name=name,
        summary=summary,
        factory=f"{module}:{kind}",
        options=f"{module}:{kind.removesuffix('Evaluator')}Options",
        capabilities=capabilities,
        needs=tuple(Need(need, f"ftctl[{extra}]") for need in needs),
    )


def _apart(name: str, kind: str, summary: str, environment: str, asked: str = OUTSIDE) -> Offer:
    """One that runs a program of others, which lives in an environment that is called after its package."""
    return evolve(
        _offer(name, kind, summary, (OWN_CASES, asked)),
        needs=(Need(environment.replace("-", "_"), environment),),
        environment=environment,
        recipe=f"ftctl_plugins.environments:{environment}.toml",
    )
