"""Trains the second net on labelled replies: `python -m scripts.train_second_net`.

A linear support vector machine with squared hinge loss, by dual coordinate descent (Hsieh et al.,
"A dual coordinate descent method for large-scale linear SVM", ICML 2008): plain Python, the same
table on every machine. It reads `tests/triage/practice` and the files beside it, and never the
blind sets, and writes `config/triage/second-net/en.toml`. Decision 0014 says why, and what it adds.
"""

from __future__ import annotations

import csv
import hashlib
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from followup.data_files import data_folder
from followup.domain.triage.second_net import features_of

ROOT = Path(__file__).resolve().parent.parent
CORPORA = ROOT / "tests" / "triage"
TABLE = Path(str(data_folder("config"))) / "triage" / "second-net" / "en.toml"
VERSION = "2026.6"
"""Raised with every training."""
GRAVE = frozenset({"red-flag", "emergency", "crisis", "sugar-emergency"})
TABLES = {
    "grave": (GRAVE, -10),
    "emergency": (frozenset({"emergency"}), -20),
    "crisis": (frozenset({"crisis"}), 0),
    "doubt": (
        GRAVE
        | {"symptom", "wound", "sugar", "pain", "help", "deceased", "wrong-person", "unclear"},
        20,
    ),
}
"""What each table tells apart, and the points from which on it does (chosen on `half-*.tsv`)."""

COST = 0.1
ROUNDS = 60
SEEN = 2
"""A word that fewer replies hold says nothing of others."""
SCALE = 100
"""Points of a weight of one: whole numbers are enough."""
LIGHTEST = 3
"""Fewer points than these are left out: they change next to nothing."""

HEAD = """\
# The second net: points for words and pairs of neighbours; `#` is any number. A reply that is not
# provably harmless, in which no phrase found anything grave, is a red flag where `base` and its
# points come to `threshold`; the tables below that tell an emergency and a crisis among what is
# grave. It can only raise: see docs/decisions/0014-a-second-net-that-can-only-raise.md. Made by
# `python -m scripts.train_second_net` from the replies in tests/triage, the blind ones left out;
# what it read has the SHA-256 {digest}.

"""

Example = tuple[str, frozenset[str]]
"""A reply, and its labels."""


def practice() -> Iterator[Example]:
    """Yield every reply that may be trained on: none that is held out."""
    with (CORPORA / "held-out.csv").open(encoding="utf-8", newline="") as rows:
        held_out = {row["text"] for row in csv.DictReader(rows)}
    yield from (one for one in _labelled() if one[0] not in held_out)


def _labelled() -> Iterator[Example]:
    for file in sorted((CORPORA / "practice").glob("*.tsv")):
        yield from labelled_lines(file)
    for name in ("practice.csv", "replies.csv"):
        with (CORPORA / name).open(encoding="utf-8", newline="") as rows:
            for row in csv.DictReader(rows):
                yield row["text"], frozenset(row["classes"].split())


def labelled_lines(file: Path) -> Iterator[Example]:
    """Yield the replies of a file of lines: labels, a tab, the text. `#` begins a comment."""
    for line in file.read_text(encoding="utf-8").split("\n"):
        if line and not line.startswith("#"):
            labels, _, text = line.partition("\t")
            yield text, frozenset(labels.replace("+", " ").replace(",", " ").split())


def digest_of(examples: Iterable[Example]) -> str:
    """Return the SHA-256 of replies and their labels, in hexadecimal."""
    lines = (f"{' '.join(sorted(labels))}\t{text}\n" for text, labels in examples)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def train(examples: Sequence[Example], *, sought: frozenset[str]) -> tuple[float, dict[str, float]]:
    """Return the weight of every text, and the weights of words and pairs, for these labels."""
    found = [features_of(text).keys() for text, _ in examples]
    counts = Counter(feature for features in found for feature in features)
    kept = sorted(feature for feature, count in counts.items() if count >= SEEN)
    place = {feature: number for number, feature in enumerate(kept, start=1)}
    rows = [[0, *sorted(place[one] for one in features & place.keys())] for features in found]
    signs = [1 if labels & sought else -1 for _, labels in examples]
    weights = _descend(rows, signs, size=len(kept) + 1)
    return weights[0], {feature: weights[number] for feature, number in place.items()}


def _descend(rows: Sequence[Sequence[int]], signs: Sequence[int], *, size: int) -> list[float]:
    weights, duals = [0.0] * size, [0.0] * len(rows)
    # Both kinds weigh the same, however many there are of each.
    share = {sign: len(signs) / (2 * signs.count(sign)) for sign in set(signs)}
    diagonal = [1 / (2 * COST * share[sign]) for sign in signs]
    order, draw = list(range(len(rows))), random.Random(0)  # noqa: S311 - an order, not a secret
    for _ in range(ROUNDS):
        draw.shuffle(order)
        for number in order:
            row, sign, before = rows[number], signs[number], duals[number]
            margin = sign * sum(weights[one] for one in row)
            slope = margin - 1 + diagonal[number] * before
            duals[number] = max(before - slope / (len(row) + diagonal[number]), 0.0)
            step = (duals[number] - before) * sign
            if step:
                for one in row:
                    weights[one] += step
    return weights


def tables_text() -> str:
    """Return the trained tables as TOML, the heaviest words first; what weighs nothing left out."""
    examples = list(practice())
    text = f'{HEAD.format(digest=digest_of(examples))}language = "en"\nversion = "{VERSION}"\n'
    for name, (sought, threshold) in TABLES.items():
        base, weights = train(examples, sought=sought)
        points = {feature: round(weight * SCALE) for feature, weight in weights.items()}
        heaviest = sorted(points, key=lambda one: (-points[one], one))
        text += f"\n[{name}]\nbase = {round(base * SCALE)}\nthreshold = {threshold}\n"
        lines = (f"{points[one]} {one}\n" for one in heaviest if abs(points[one]) >= LIGHTEST)
        text += f"points = '''\n{''.join(lines)}'''\n"
    return text


if __name__ == "__main__":
    TABLE.parent.mkdir(exist_ok=True)
    TABLE.write_text(tables_text(), encoding="utf-8")
