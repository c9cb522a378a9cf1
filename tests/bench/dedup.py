"""Near duplicates: rows a second, memory, and what is found, beside datasketch and rensa in the same run.

    pip install 'rensa>=0.5,<0.6'
    python tests/bench/dedup.py [--rows 100000] [--repeat 3]

Texts of about 500 characters; a tenth of them are copies with 1 to 10 % other words, and 4 % share their first half
with another text and are none. Each peer runs in a process of its own, in turn; the median counts. A removed row is
right when it is a copy or was copied. Texts are made before the clock starts and are the same for all.
"""

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

WORDS = 3
"""Of a shingle, for all."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--chinese", action="store_true", help="texts of Chinese characters; ours alone")
    parser.add_argument("--child", choices=PEERS)
    parser.add_argument("--texts", type=Path)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(measured(given.child, given.texts)))
        return
    peers = ["ours"] if given.chinese else list(PEERS)
    with tempfile.TemporaryDirectory(prefix="ftctl-bench-") as scratch:
        texts = Path(scratch) / "texts.jsonl"
        plant(texts, given.rows, given.chinese)
        runs = [{peer: child(peer, texts) for peer in peers} for _ in range(given.repeat)]
    middle = {peer: {key: statistics.median(run[peer][key] for run in runs) for key in runs[0][peer]} for peer in peers}
    print(f"{'':<12}{'rows/s':>10}{'peak RSS':>12}{'recall':>9}{'precision':>11}")
    for peer, found in middle.items():
        told = f"{found['recall']:>9.4f}{found['precision']:>11.4f}"
        print(f"{peer:<12}{found['rate']:>10,.0f}{found['peak'] / 1e6:>9,.0f} MB{told}")
    for peer in peers[1:]:
        rate, peak = (middle["ours"][key] / middle[peer][key] for key in ("rate", "peak"))
        print(f"ours / {peer}: {rate:.2f} x rows/s, {peak:.2f} x peak RSS")


def child(peer: str, texts: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", peer, "--texts", str(texts)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def plant(path: Path, rows: int, chinese: bool) -> None:
    """Lines of [text, the row it copies or -1], in random order of kinds."""
    draw = random.Random(1)
    vocabulary = (
        [chr(draw.randrange(0x4E00, 0x9000)) for _ in range(5000)]
        if chinese
        else ["".join(draw.choices("etaoinshrdlucmfw", k=draw.randint(2, 9))) for _ in range(20_000)]
    )
    space, length = ("", 250) if chinese else (" ", 77)
    made: list[list[str]] = []
    with path.open("w", encoding="utf-8") as lines:
        for number in range(rows):
            kind, original = draw.random(), draw.randrange(max(number, 1))
            if kind < 0.1 and number:
                words, source = list(made[original]), original
                for place in draw.sample(range(length), max(1, round(length * draw.uniform(0.01, 0.1)))):
                    words[place] = draw.choice(vocabulary)
            elif kind < 0.14 and number:
                words, source = made[original][: length * 55 // 100], -1
                words = [*words, *draw.choices(vocabulary, k=length - len(words))]
            else:
                words, source = draw.choices(vocabulary, k=length), -1
            made.append(words)
            lines.write(json.dumps([space.join(words), source], ensure_ascii=False) + "\n")


def measured(peer: str, path: Path) -> dict[str, float]:
    began = time.perf_counter()
    rows = 0

    def texts() -> Iterator[str]:
        nonlocal rows
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                rows += 1
                yield json.loads(line)[0]

    removed = set(PEERS[peer](texts()))
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    sources = [json.loads(line)[1] for line in path.open(encoding="utf-8")]
    copies = {number for number, source in enumerate(sources) if source >= 0}
    planted = copies | {source for source in sources if source >= 0}
    # of a pair either may go
    caught = sum(number in removed or sources[number] in removed for number in copies)
    right = len(removed & planted) / max(len(removed), 1)
    return {"rate": rows / seconds, "peak": peak, "recall": caught / max(len(copies), 1), "precision": right}


def ours(texts: Iterator[str]) -> Iterator[int]:
    """The operator as a run uses it: keys in batches to a file, then the decision."""
    from ftctl.application.dataset.pipeline import BATCH, batched
    from ftctl.domain import Example
    from ftctl.testing.contracts.stage import recording
    from ftctl_plugins.data_operators.dedup_near import DedupNear, DedupNearOptions

    operator = DedupNear(DedupNearOptions())
    with tempfile.TemporaryDirectory(prefix="ftctl-bench-") as scratch:
        keys = Path(scratch) / "keys"
        with keys.open("wb") as file:
            for batch in batched(texts, BATCH):  # type: ignore[arg-type, var-annotated]
                file.write(operator.keys([Example("", text=text) for text in batch]))  # type: ignore[misc]
        for place, fate in enumerate(operator.decide(keys, recording(Path(scratch), memory_bytes=1 << 30))):
            if fate.state:
                yield place


def shingled(text: str) -> Sequence[str]:
    words = text.split()
    return [" ".join(words[place : place + WORDS]) for place in range(len(words) - WORDS + 1)]


def datasketch(texts: Iterator[str]) -> Iterator[int]:
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(num_perm=128, params=(16, 8))
    for place, text in enumerate(texts):
        one = MinHash(num_perm=128)
        one.update_batch([shingle.encode() for shingle in shingled(text)])
        if index.query(one):
            yield place
        else:
            index.insert(place, one)


def rensa(texts: Iterator[str]) -> Iterator[int]:
    from rensa import RMinHash, RMinHashLSH

    index = RMinHashLSH(threshold=0.7, num_perm=128, num_bands=16)
    for place, text in enumerate(texts):
        one = RMinHash(num_perm=128, seed=1)
        one.update(shingled(text))
        if index.query(one):
            yield place
        else:
            index.insert(place, one)


PEERS: dict[str, Callable[[Iterator[str]], Iterator[int]]] = {"ours": ours, "datasketch": datasketch, "rensa": rensa}

if __name__ == "__main__":
    main()
