"""How well headlines are understood: firms found, and the sign of the tone, on the project's own labelled sample.

    python benchmarks/sentiment.py [FINBERT_FOLDER]

The sample (tests/data/sentiment) was written by the authors of the matcher and of the lexicon: its figures are an upper bound.
"""

import csv
import sys
from pathlib import Path

import numpy as np

from riskradar.data.sentiment import Names, Scorer, finbert, vader

SAMPLE = Path(__file__).parent.parent / "tests/data/sentiment"
NEUTRAL = 0.05  # of VADER's compound score, by its authors


def wilson(right: int, of: int) -> str:
    """A share with its 95 % interval (Wilson 1927)."""
    z = 1.96
    middle, half = (right + z * z / 2) / (of + z * z), z * np.sqrt(right * (of - right) / of + z * z / 4) / (of + z * z)
    return f"{right / of:.3f} [{middle - half:.3f}, {middle + half:.3f}] ({right} of {of})"


def plain() -> Scorer:
    """VADER without our lexicon."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyser = SentimentIntensityAnalyzer()
    return lambda texts: np.array([analyser.polarity_scores(text)["compound"] for text in texts])


def main(folder: str) -> None:
    with (SAMPLE / "headlines.csv").open() as file:
        rows = list(csv.DictReader(file))
    with (SAMPLE / "firms.csv").open() as file:
        names = Names({row["asset"]: tuple(row["names"].split("|")) for row in csv.DictReader(file)})
    pairs = [(set(names.find(row["headline"])), set(row["assets"].split())) for row in rows]
    right = sum(len(found & true) for found, true in pairs)
    print(f"{len(rows)} headlines, {sum(bool(row['assets']) for row in rows)} of them about a firm")
    print("firms: precision", wilson(right, sum(len(found) for found, _ in pairs)), " recall", wilson(right, sum(len(true) for _, true in pairs)))
    sign = np.array([int(row["sign"]) for row in rows])
    scorers = {"vader, plain": plain(), "vader with our lexicon": vader()} | ({"finbert": finbert(folder)} if folder else {})
    for name, scorer in scorers.items():
        tone = scorer([row["headline"] for row in rows])
        said = np.where(np.abs(tone) < NEUTRAL, 0, np.sign(tone))
        loud = sign != 0
        print(f"{name}: sign of the {loud.sum()} that have one", wilson(int((said == sign)[loud].sum()), int(loud.sum())), end="; ")
        print("negative, neutral or positive", wilson(int((said == sign).sum()), len(sign)))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
