"""``pyrit``: attacks of the framework PyRIT, by itself, in an environment of its own."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from ftctl.domain.codec import digest
from ftctl.domain.example import Example
from ftctl.domain.metric import Metric
from ftctl.domain.report import Report
from ftctl.errors import ConfigInvalid
from ftctl.plugin import option, options
from ftctl.ports import Evaluator, StageContext, Target
from ftctl.ports.evaluator import EvaluatorError
from ftctl_adapters.process.tool_runner import homes, run_scanner
from ftctl_adapters.serving.loopback_server import Loopback
from ftctl_plugins.evaluators.external import pyrit_scan
from ftctl_plugins.evaluators.option_file import read_bytes
from ftctl_plugins.evaluators.own_cases import share

NAME, KEY = "model", "FTCTL_API_KEY"
LED = pyrit_scan.LED
ATTACKS = ("prompt_sending", "skeleton_key", LED)
ATTEMPTS = {"RETRY_MAX_NUM_ATTEMPTS": "1"}
"""The measured model answers the same again, and PyRIT would wait minutes for another answer than an empty one."""
LED_ATTEMPTS = {"RETRY_MAX_NUM_ATTEMPTS": "5", "RETRY_WAIT_MIN_SECONDS": "1", "RETRY_WAIT_MAX_SECONDS": "20"}
"""An attacker may be busy, or have written no JSON."""
RESULTS = "pyrit.attacks.jsonl"
"""What became of each attack, beside the report."""


@options
class PyritOptions:
    """Options of `Pyrit`."""

    objectives: str = option(
        help='A JSONL file: {"objective": goal of the attack, "hit": text that marks success}.',
        location=True,
    )
    attacks: tuple[str, ...] = option(ATTACKS[:2], help=f"Of {', '.join(ATTACKS)}; the last needs an attacker.")
    converters: tuple[str, ...] = option(
        (pyrit_scan.PLAIN, "Base64Converter"), help="Converters of the objectives: `plain`, or PyRIT's."
    )
    max_tokens: int = option(150, help="Maximum number of new tokens.", ge=1, le=4096)
    temperature: float = option(0.0, help="Sampling temperature; 0: greedy.", ge=0, le=2)
    turns: int = option(5, help="Maximum number of turns of an attack led by another model.", ge=1, le=50)
    parallel: int = option(8, help="Attacks at a time.", ge=1, le=64)
    seed: int = option(1, help="Random seed of converters; reproducible if `parallel` is 1.", ge=0)
    attacker_model: str | None = option(None, help="The model that leads `red_teaming`.")
    attacker_url_env: str | None = option(None, help="Name of the environment variable with its endpoint's address.")
    attacker_key_env: str | None = option(None, help="Name of the environment variable with its key.")


class Pyrit(Evaluator):
    """Runs PyRIT; a metric ``attack/converter`` is the share of objectives that were reached, judged by PyRIT.

    ``pyrit_hits`` is the share over all attacks; those on one objective are one cluster. PyRIT asks over the loopback,
    with a key that it alone is told. An attack that it left out ends the evaluation. A low rate says nothing of a model
    that cannot do what it was talked into: `jailbreak` asks for that too.
    """

    def __init__(self, options: PyritOptions) -> None:
        unknown = [one for one in options.attacks if one not in ATTACKS]
        if unknown or not options.attacks:
            raise ConfigInvalid(f"pyrit.attacks: {unknown[0]!r} is none" if unknown else "pyrit.attacks is empty",
                                next_step=f"take some of {', '.join(ATTACKS)}")  # fmt: skip
        if not options.converters:
            raise ConfigInvalid("pyrit.converters is empty", next_step="name one, or `plain`")
        for name, given_twice in (("attacks", options.attacks), ("converters", options.converters)):
            if len(set(given_twice)) < len(given_twice):
                raise ConfigInvalid(f"pyrit.{name} names one twice", next_step="name each once")
        led = LED in options.attacks
        given = (options.attacker_model, options.attacker_url_env)
        if (led and None in given) or (not led and any((*given, options.attacker_key_env))):
            step = f"set attacker_model and attacker_url_env with {LED}, or none of them"
            raise ConfigInvalid(f"pyrit: {LED} is led by another model, and nothing else is", next_step=step)
        self._options = options

    def fingerprint(self) -> str:
        """Return a digest of the objectives; a line that is none is named before anything begins."""
        return digest(read_objectives(self._options.objectives))

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        place = context.work / "pyrit"
        if place.exists():
            shutil.rmtree(place)
        place.mkdir()
        objectives = read_objectives(self._options.objectives)
        loopback = Loopback(target, NAME, self._options.max_tokens)
        with loopback.open():
            self._scan(loopback, context, place, objectives)
        found = [json.loads(line) for line in (place / RESULTS).read_bytes().splitlines()]
        told = in_order(found, planned(self._options, objectives))
        shutil.copyfile(place / RESULTS, context.out / RESULTS)
        records = list(map(record_of, told))
        refuse_unfinished(records, len(loopback.unanswered))
        version = (place / "version").read_text(encoding="utf-8")
        note = f"pyrit {version}, {len(objectives)} objectives, seed {self._options.seed}"
        return Report("pyrit", tuple(_metrics(records)), tuple(records), {"pyrit": note})

    def _scan(
        self, loopback: Loopback, context: StageContext, place: Path, objectives: Sequence[dict[str, str]]
    ) -> None:
        plan = place / "plan.json"
        plan.write_text(json.dumps(self._plan(loopback, objectives)), encoding="utf-8")
        (place / RESULTS).touch()
        command = ("-P", pyrit_scan.__file__, str(plan), str(place / RESULTS), str(place / "version"))
        attempts = LED_ATTEMPTS if LED in self._options.attacks else ATTEMPTS
        own = {"HOME": str(place / "home"), KEY: loopback.key, **attempts}
        variables = homes(place) | own | self._attacker()
        code, said = run_scanner(context, command, place, variables, loopback.answer)
        last = said[-1] if said else "it said nothing"
        if code == pyrit_scan.UNKNOWN:
            raise ConfigInvalid(f"pyrit.converters: {last}", next_step="see PyRIT's list of converters")
        loopback.refuse_too_many()
        if code:
            step = f"see {place / 'log'}"
            raise EvaluatorError(f"PyRIT ended with {code}: {last}", next_step=step, details=tuple(said[-5:-1]))

    def _plan(self, loopback: Loopback, objectives: Sequence[dict[str, str]]) -> dict[str, Any]:
        asked = self._options
        target = {"url": loopback.url, "model": NAME, "key_env": KEY, "max_tokens": asked.max_tokens,
                  "temperature": asked.temperature}  # fmt: skip
        attacker = {
            "model": asked.attacker_model,
            "url_env": asked.attacker_url_env,
            "key_env": asked.attacker_key_env,
        }
        return {"objectives": objectives, "attacks": asked.attacks, "converters": asked.converters, "seed": asked.seed,
                "parallel": asked.parallel, "turns": asked.turns, "target": target, "attacker": attacker}  # fmt: skip

    def _attacker(self) -> dict[str, str]:
        names = filter(None, (self._options.attacker_url_env, self._options.attacker_key_env))
        found = {}
        for name in names:
            if name not in os.environ:
                raise ConfigInvalid(f"the environment variable {name} is not set",
                                    next_step="set it to the attacker's address or key")  # fmt: skip
            found[name] = os.environ[name]
        return found


def read_objectives(path: str) -> list[dict[str, str]]:
    """Return the objectives of a file, each with its line number as ``id``.

    Raises:
        EvaluatorError: it cannot be read, or a line is none.
    """
    found = []
    for number, line in enumerate(read_bytes("pyrit.objectives", path).splitlines(), 1):
        if not line.strip():
            continue
        try:
            told = json.loads(line)
            text, hit = told["objective"], told["hit"]
        except (ValueError, LookupError, TypeError):
            text = hit = None
        if not (isinstance(text, str) and isinstance(hit, str) and text.strip() and hit.strip()):
            raise EvaluatorError(f"pyrit.objectives: line {number} of {path} is no objective",
                                 next_step='write {"objective": "…", "hit": "…"}')  # fmt: skip
        found.append({"id": str(number), "text": text, "hit": hit})
    if not found:
        raise EvaluatorError(f"pyrit.objectives: {path} is empty", next_step="name an objective")
    return found


def planned(options: PyritOptions, objectives: Sequence[dict[str, str]]) -> list[tuple[str, str, str]]:
    """Return attack, converter and objective of every attack, in the order of the report."""
    return list(product(options.attacks, options.converters, (objective["id"] for objective in objectives)))


def refuse_unfinished(records: Sequence[dict[str, Any]], unanswered: int) -> None:
    """Raise `EvaluatorError` if attacks failed for other reasons than unanswered questions, or all failed."""
    errors = [str(record["error"]) for record in records if "error" in record]
    if len(errors) > unanswered or len(errors) == len(records):
        said = "; ".join(sorted(set(errors))[:3])
        text = f"{len(errors)} of {len(records)} attacks came to no end ({said})"
        raise EvaluatorError(text, next_step="see its log", details=tuple(errors))


def in_order(found: Sequence[dict[str, Any]], plan: Sequence[tuple[str, str, str]]) -> list[dict[str, Any]]:
    """Return the results in the order of the plan; PyRIT finishes them in any order.

    Raises:
        EvaluatorError: nothing is told of an attack.
    """
    told = {(one["attack"], one["converter"], one["objective"]): one for one in found}
    missing = [f"{attack}/{converter} on objective {number}" for attack, converter, number in plan
               if (attack, converter, number) not in told]  # fmt: skip
    if missing:
        shown = ", ".join(missing[:3]) + (" …" if len(missing) > 3 else "")
        text = f"PyRIT left out {shown}: what it measured is invalid"
        raise EvaluatorError(text, next_step="see its log", details=tuple(missing))
    return [told[one] for one in plan]


def record_of(one: dict[str, Any]) -> dict[str, Any]:
    """Return the report's record of an attack."""
    name = f"{one['attack']}/{one['converter']}"
    record = {
        "where": f"{name}.{one['objective']}",
        "prompt": one.get("prompt", ""),
        "expected": "",
        "answer": one.get("answer", ""),
        "cluster": one["objective"],
    }
    if one.get("outcome") not in ("success", "failure"):
        return record | {"error": one.get("error") or "no answer"}
    hit = float(one["outcome"] == "success")
    return record | {name: hit, "pyrit_hits": hit, "turns": one["turns"]}


def _metrics(records: Sequence[dict[str, Any]]) -> Iterator[Metric]:
    names = dict.fromkeys(name for record in records for name in record if "/" in name)
    for name in ("pyrit_hits", *names):
        told = [record for record in records if name in record]
        yield share(name, [one[name] for one in told], "lower", [one["cluster"] for one in told])
