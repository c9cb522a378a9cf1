"""The evaluators that come with ftctl."""

from attrs import evolve

from ftctl.plugin import BASE, INSIDE, OUTSIDE, OWN_CASES, SCORES, SERVER, Need, Offer, hookimpl

INSIDE_NEEDS = ("torch", "transformers")


@hookimpl
def ftctl_offers() -> list[Offer]:
    return [*_quality(), *_robustness(), *_safety(), *_fairness(), *_white_box(), *_serving(), *_external()]


def _quality() -> list[Offer]:
    room = "quality"
    return [
        _offer(room, "text-metrics", "TextMetrics",
               "Compare greedy answers with the expected ones: exact match, F1, BLEU, ROUGE",
               needs=("sacrebleu", "rouge_score")),
        _offer(room, "perplexity", "Perplexity",
               "Score the expected answers: perplexity per token, bits per byte", (SCORES,)),
        _offer(room, "structured", "Structured", "Check answers that must be JSON: validity, schema, fields"),
        _offer(room, "tool-calls", "ToolCalls",
               "Check calls of tools: functions, arguments, and none where none is needed"),
        _offer(room, "code", "Code", "Run generated functions against their tests in a sandbox: pass@1", (OWN_CASES,)),
        _offer(room, "judge", "Judge",
               "Compare answers with the expected ones by a judge model, and measure the judge's reliability"),
        _offer(room, "rubric", "Rubric",
               "Grade answers by criteria with a judge model, and check that it grades nonsense low"),
        _offer(room, "human", "Human", "Collect blind pairwise preferences from people through forms",
               needs=("numpy",)),
        _offer(room, "forgetting", "Forgetting", "Ask small general tasks that the base model could solve",
               (OWN_CASES,)),
        _offer(room, "drift", "Drift", "KL(base ‖ model) on the base model's own answers",
               (SCORES, BASE)),
    ]  # fmt: skip


def _robustness() -> list[Offer]:
    room = "robustness"
    return [
        _offer(room, "robust", "Robust", "Ask the same questions with typos, OCR noise, padding, paraphrases, attacks",
               needs=("opencc",)),
        _offer(room, "shift", "Shift", "Find groups of questions that are answered worse than the rest",
               needs=("numpy", "sklearn")),
        _offer(room, "calibrate", "Calibrate", "Calibration error between answer probability and accuracy", (SCORES,)),
        _offer(room, "boundary", "Boundary",
               "Ask odd, long and unanswerable questions, follow-ups and fixed formats", (OWN_CASES,)),
    ]  # fmt: skip


def _safety() -> list[Offer]:
    room = "safety"
    return [
        _offer(room, "jailbreak", "Jailbreak", "Try to talk the model out of a rule, with harmless secrets",
               (OWN_CASES,)),
        _offer(room, "injection", "Injection", "Prompt injection: instructions inside text that is only to be read",
               (OWN_CASES,)),
        _offer(room, "prompt-leak", "PromptLeak", "Try to extract the system prompt", (OWN_CASES,)),
        _offer(room, "memorise", "Memorise", "Rank planted canaries among alternatives: exposure", (OWN_CASES, SCORES)),
        _offer(room, "membership", "Membership", "Membership inference: tell training rows from held-out rows by loss",
               (SCORES,)),
        _offer(room, "pii", "Pii", "Find personal data in answers that was not in the question",
               needs=("stdnum", "phonenumbers"), extra="data"),
    ]  # fmt: skip


def _fairness() -> list[Offer]:
    room = "fairness"
    return [
        _offer(room, "fairness", "Fairness", "Compare answers between demographic groups, and score stereotypes",
               (OWN_CASES, SCORES)),
        _offer(room, "diversity", "Diversity", "Measure repetition between answers", needs=("sacrebleu",)),
    ]  # fmt: skip


def _white_box() -> list[Offer]:
    room = "white_box"
    return [
        _offer(room, "attribution", "AttributionEvaluator", "Attribute an answer to words of its question", (INSIDE,),
               needs=INSIDE_NEEDS, extra="hf"),
        _offer(room, "attention", "AttentionEvaluator", "Show the attention weights of an answer", (INSIDE,),
               needs=INSIDE_NEEDS, extra="hf"),
        _offer(room, "lens", "LensEvaluator", "Logit lens: decode each layer's hidden states", (INSIDE,),
               needs=INSIDE_NEEDS, extra="hf"),
        _offer(room, "influence", "InfluenceEvaluator", "Find training examples with gradients like a test example's",
               (INSIDE,), needs=INSIDE_NEEDS, extra="hf"),
    ]  # fmt: skip


def _serving() -> list[Offer]:
    return [
        _offer("serving", "load", "LoadEvaluator", "Latency, throughput, memory and CPU time of a server under load",
               (OWN_CASES, SERVER), needs=("psutil",)),
    ]  # fmt: skip


def _external() -> list[Offer]:
    return [
        _in_environment("bench", "Bench", "Run tasks of lm-evaluation-harness", "lm-eval", INSIDE),
        _in_environment("garak", "Garak", "Run probes of the scanner garak", "garak"),
        _in_environment("pyrit", "Pyrit", "Run attacks of the framework PyRIT", "pyrit"),
        _in_environment("inspect-ai", "InspectAI", "Run tasks of the framework Inspect", "inspect-ai"),
    ]


def _offer(
    room: str,
    name: str,
    kind: str,
    summary: str,
    capabilities: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
    extra: str = "eval",
) -> Offer:
    module = f"ftctl_plugins.evaluators.{room}.{name.replace('-', '_')}"
    return Offer(
        port="evaluator",
        name=name,
        summary=summary,
        factory=f"{module}:{kind}",
        options=f"{module}:{kind.removesuffix('Evaluator')}Options",
        capabilities=capabilities,
        needs=tuple(Need(need, f"ftctl[{extra}]") for need in needs),
    )


def _in_environment(name: str, kind: str, summary: str, environment: str, asked: str = OUTSIDE) -> Offer:
    """Offer an evaluator that runs a third-party program, in an environment named after its package."""
    return evolve(
        _offer("external", name, kind, summary, (OWN_CASES, asked)),
        needs=(Need(environment.replace("-", "_"), environment),),
        environment=environment,
        recipe=f"ftctl_plugins.environments:{environment}.toml",
    )
