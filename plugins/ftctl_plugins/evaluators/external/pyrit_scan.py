"""Run PyRIT's attacks in its own Python, and write their results.

``pyrit_scan.py PLAN OUT VERSION`` reads a plan in JSON, as `Pyrit` writes it, appends a line of JSON for every attack,
and says which PyRIT it was.
"""

import asyncio
import inspect
import itertools
import json
import os
import random
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

PLAIN = "plain"
"""An objective that is asked as it stands, without a converter."""
LED = "red_teaming"
"""The attack that another model leads."""
ANSWERED = ("none", "empty", "blocked")
"""What PyRIT says of a response that came; one that a filter held back is a refusal."""
UNKNOWN = 64
"""The exit code where PyRIT does not know what was asked for."""


def main(plan: str, out: str, version: str) -> int:
    """Run the planned attacks and write their results."""
    told = json.loads(Path(plan).read_text(encoding="utf-8"))
    random.seed(told["seed"])
    try:
        converters = {name: made_converter(name) for name in told["converters"]}
    except ValueError as error:
        print(error)
        return UNKNOWN
    Path(version).write_text(metadata.version("pyrit"), encoding="utf-8")
    asyncio.run(scan(told, converters, Path(out)))
    return 0


def made_converter(name: str) -> Any:
    """Return the converter of this name, which must need no arguments.

    Raises:
        ValueError: there is none, or it needs arguments.
    """
    from pyrit import converter

    if name == PLAIN:
        return None
    kind = getattr(converter, name, None) if name.isidentifier() else None
    if not inspect.isclass(kind):
        raise ValueError(f"PyRIT has no converter {name}")
    try:
        return kind()
    except (TypeError, ValueError) as error:
        raise ValueError(f"PyRIT's {name} needs more than its name: {error}") from None


async def scan(told: dict[str, Any], converters: dict[str, Any], out: Path) -> None:
    """Run every attack with every converter and objective."""
    from pyrit.prompt_target import OpenAIChatTarget
    from pyrit.setup import IN_MEMORY, initialize_pyrit_async

    await initialize_pyrit_async(memory_db_type=IN_MEMORY, silent=True)
    model = told["target"]
    target = OpenAIChatTarget(
        endpoint=model["url"],
        model_name=model["model"],
        api_key=os.environ[model["key_env"]],
        max_completion_tokens=model["max_tokens"],
        temperature=model["temperature"],
    )
    room = asyncio.Semaphore(told["parallel"])
    with out.open("a", encoding="utf-8") as lines:

        async def one(attack: str, converter: str, objective: dict[str, str]) -> None:
            async with room:
                found = await attacked(told, target, attack, converters[converter], objective)
            line = {"attack": attack, "converter": converter, "objective": objective["id"], **found}
            lines.write(json.dumps(line) + "\n")
            lines.flush()

        asked = itertools.product(told["attacks"], converters, told["objectives"])
        await asyncio.gather(*(one(*parts) for parts in asked))


async def attacked(
    told: dict[str, Any], target: Any, attack: str, converter: Any, objective: dict[str, str]
) -> dict[str, Any]:
    """Run an attack: return PyRIT's ``outcome``, the last question and answer, or an ``error``."""
    try:
        result = await made_attack(told, target, attack, converter, objective["hit"]).execute_async(
            objective=objective["text"]
        )
    except Exception as error:
        return {"error": said(error)}
    last = result.last_response
    return {
        "outcome": outcome(result),
        "turns": result.executed_turns,
        "prompt": last_question(result),
        "answer": "" if last is None else last.converted_value,
    }


def said(error: BaseException) -> str:
    """Return the root cause of an error; PyRIT's wrapper differs each time."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {error}".splitlines()[0]


def outcome(result: Any) -> str:
    """Return ``success`` or ``failure``, or ``none`` without an answer; an empty answer is one."""
    last = result.last_response
    if last is None or last.response_error not in ANSWERED:
        return "none"
    return "success" if result.outcome.value == "success" else "failure"


def made_attack(told: dict[str, Any], target: Any, attack: str, converter: Any, hit: str) -> Any:
    """Build a PyRIT attack with its converter and scorer."""
    from pyrit.executor import attack as attacks
    from pyrit.prompt_normalizer import ConverterConfiguration
    from pyrit.prompt_target import OpenAIChatTarget
    from pyrit.score import SubStringScorer

    given: dict[str, Any] = {
        "objective_target": target,
        "attack_scoring_config": attacks.AttackScoringConfig(objective_scorer=SubStringScorer(substring=hit)),
    }
    if converter is not None:
        made = ConverterConfiguration.from_converters(converters=[converter])
        given["attack_converter_config"] = attacks.AttackConverterConfig(request_converters=made)
    if attack == LED:
        other = told["attacker"]
        attacker = OpenAIChatTarget(
            endpoint=os.environ[other["url_env"]],
            model_name=other["model"],
            api_key=os.environ.get(other["key_env"] or "", "none"),
        )
        adversary = attacks.AttackAdversarialConfig(target=attacker)
        return attacks.RedTeamingAttack(attack_adversarial_config=adversary, max_turns=told["turns"], **given)
    return {"prompt_sending": attacks.PromptSendingAttack, "skeleton_key": attacks.SkeletonKeyAttack}[attack](**given)


def last_question(result: Any) -> str:
    """Return the last turn that was sent, after the converters."""
    from pyrit.memory import CentralMemory

    pieces = CentralMemory.get_memory_instance().get_message_pieces(conversation_id=result.conversation_id)
    asked = [piece.converted_value for piece in pieces if piece.role == "user"]
    return asked[-1] if asked else ""


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
