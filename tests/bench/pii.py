"""How fast personal data is found, and how much of it, beside presidio-analyzer.

    python tests/bench/pii.py [--lines 1000] [--rounds 3]

Plants values of eight kinds in lines of English and Chinese, a seventh of them between Chinese characters and a seventh
between punctuation, beside numbers that only look like some, and plain lines. Presidio is given a blank spaCy pipeline,
as its models cannot be part of a test; it is left out where it is not installed.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable

from stdnum import iban, luhn
from stdnum.cn import ric

from ftctl_adapters.records.pii_kinds import KINDS, finds

SHARED = {"email": "EMAIL_ADDRESS", "credit_card": "CREDIT_CARD", "iban": "IBAN_CODE", "ipv4": "IP_ADDRESS",
          "us_ssn": "US_SSN", "phone": "PHONE_NUMBER"}  # fmt: skip
Planted = tuple[str, list[tuple[str, str]]]
"""A line, and kind and value of what is planted in it."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    lines = planted(asked.lines)
    found = {"ftctl": ours, "presidio": presidio()}
    rates: dict[str, list[float]] = {name: [] for name in found if found[name]}
    for _ in range(asked.rounds):
        for name, times in rates.items():
            times.append(rate(found[name], lines))  # type: ignore[arg-type]
    print(f"{'':<10}{'lines/s':>10}{'recall':>9}{'shared':>9}{'precision':>11}")
    for name, times in rates.items():
        every, shared, right = quality(found[name], lines)  # type: ignore[arg-type]
        print(f"{name:<10}{statistics.median(times):>10,.0f}{every:>9.3f}{shared:>9.3f}{right:>11.3f}")
    if "presidio" in rates:
        print(f"ratio {statistics.median(rates['ftctl']) / statistics.median(rates['presidio']):.1f}")


Detector = Callable[[str], list[str]]


def ours(line: str) -> list[str]:
    return [line[one.start : one.end] for one in finds(line, KINDS)]


def presidio() -> Detector | None:
    try:
        import spacy
        from presidio_analyzer import AnalyzerEngine
        from presidio_analyzer.nlp_engine import SpacyNlpEngine
    except ImportError:
        print("presidio-analyzer is not installed: only ftctl is measured")
        return None

    class Blank(SpacyNlpEngine):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.nlp = {"en": spacy.blank("en")}

        def load(self) -> None:
            return

    engine = AnalyzerEngine(nlp_engine=Blank(), supported_languages=["en"])
    kinds = list(SHARED.values())

    def find(line: str) -> list[str]:
        told = engine.analyze(line, language="en", entities=kinds, score_threshold=0.35)
        return [line[one.start : one.end] for one in told]

    find("warm up 4111 1111 1111 1111")
    return find


def rate(detect: Detector, lines: list[Planted]) -> float:
    started = time.perf_counter()
    for line, _ in lines:
        detect(line)
    return len(lines) / (time.perf_counter() - started)


def quality(detect: Detector, lines: list[Planted]) -> tuple[float, float, float]:
    """Recall of all that is planted, recall of the kinds that both know, and precision."""
    hits = shared_hits = every = shared = said = 0
    for line, values in lines:
        found = detect(line)
        said += len(found)
        for kind, value in values:
            caught = any(value in one or (one in value and len(one) > len(value) / 2) for one in found)
            every, hits = every + 1, hits + caught
            if kind in SHARED:
                shared, shared_hits = shared + 1, shared_hits + caught
    return hits / every, shared_hits / shared, min(1.0, hits / max(said, 1))


def planted(count: int, seed: int = 0, more: "dict[str, Maker] | None" = None) -> list[Planted]:
    draw = random.Random(seed)
    makers = [*MAKERS.items(), *(more or {}).items()]
    lines: list[Planted] = []
    for number in range(count):
        words = " ".join(draw.choices(WORDS, k=8))
        if number % 4 == 3:
            lines.append((f"{words}.", []))
        elif number % 4 == 2:
            lines.append((f"{words} {draw.choice(LOOKALIKES)(draw)} {words}", []))
        else:
            kind, make = makers[draw.randrange(len(makers))]
            value = make(draw)
            place = draw.random()
            told = (
                f"你好{value}谢谢"
                if place < 0.15
                else f"{words}:{value},"
                if place < 0.3
                else f"{words} {value} {words}"
            )
            lines.append((told, [(kind, value)]))
    return lines


WORDS = [
    "the",
    "order",
    "was",
    "sent",
    "to",
    "our",
    "old",
    "office",
    "by",
    "train",
    "and",
    "somebody",
    "there",
    "has",
    "signed",
    "for",
    "it",
    "last",
    "week",
]


def digits(draw: random.Random, count: int) -> str:
    return "".join(draw.choices("0123456789", k=count))


def card(draw: random.Random) -> str:
    number = "4" + digits(draw, 14)
    number += luhn.calc_check_digit(number)
    return " ".join(number[place : place + 4] for place in range(0, 16, 4)) if draw.random() < 0.5 else number


def cn_id(draw: random.Random) -> str:
    body = f"{draw.choice(['110105', '310104', '440305'])}{draw.randint(1950, 2005)}{draw.randint(1, 12):02d}"
    body += f"{draw.randint(1, 28):02d}{digits(draw, 3)}"
    return body + ric.calc_check_digit(body + "0")


def account(draw: random.Random) -> str:
    body = digits(draw, 18)
    return f"DE{iban.calc_check_digits(f'DE00{body}')}{body}"


Maker = Callable[[random.Random], str]

MAKERS: dict[str, Maker] = {
    "email": lambda draw: f"{draw.choice(WORDS)}.{digits(draw, 3)}@example.org",
    "credit_card": card,
    "iban": account,
    "ipv4": lambda draw: f"192.168.{draw.randint(1, 250)}.{draw.randint(1, 250)}",
    "us_ssn": lambda draw: f"536-{draw.randint(10, 99)}-{draw.randint(1000, 9999)}",
    "phone": lambda draw: f"+1 650-253-{draw.randint(1000, 9999)}",
    "cn_id": cn_id,
    "cn_mobile": lambda draw: f"138{digits(draw, 8)}",
}
LOOKALIKES: list[Maker] = [
    lambda draw: f"9{digits(draw, 15)}",
    lambda draw: f"{draw.randint(300, 999)}.{draw.randint(1, 99)}.{draw.randint(1, 99)}",
    lambda draw: f"v{draw.randint(1, 9)}.{draw.randint(1, 9)}.{draw.randint(1, 9)}",
    lambda draw: f"2{digits(draw, 9)}",
]

if __name__ == "__main__":
    main()
