"""The tone of a headline: VADER with a lexicon of market words, or a FinBERT model in a local folder."""

from __future__ import annotations

import csv
import functools
import re
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path

import numpy as np

from riskradar.errors import UsageError
from riskradar.tables.arrays import Float

Scorer = Callable[[Sequence[str]], Float]

MAX_WORDS = 200  # of one text: a headline is shorter, and what pretends to be one is cut here


def vader(_: str = "") -> Scorer:
    """Scores in [-1, 1] by VADER (Hutto and Gilbert 2014) and the crisis lexicon of this package; UsageError without the extra `live`."""
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        raise UsageError("VADER needs the extra `live`; nothing was scored; pip install 'systemic-risk-radar[live]'") from None
    words, phrases = lexicon()
    analyser = SentimentIntensityAnalyzer()
    analyser.lexicon.update(words)

    def score(texts: Sequence[str]) -> Float:
        plain = [" ".join(text.split()[:MAX_WORDS]).replace("’", "'") for text in texts]
        joined = [phrases.sub(lambda found: re.sub(r"[\s-]+", "_", found[0].lower()), text) for text in plain]
        return np.array([analyser.polarity_scores(text)["compound"] for text in joined], float)

    return score


def finbert(folder: str) -> Scorer:
    """Scores in [-1, 1], P(positive) - P(negative), by a FinBERT model (Araci 2019) stored in `folder`; UsageError where that cannot be used.

    Nothing is downloaded, and only safetensors weights are read.
    """
    try:
        from transformers import pipeline  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        raise UsageError("FinBERT needs transformers; nothing was scored; install it, or set sources.sentiment.scorer = 'vader'") from None
    if not (Path(folder) / "config.json").is_file():
        raise UsageError(f"sources.sentiment.folder = {folder!r} has no config.json; nothing was scored; name the folder of a model")
    try:
        model = pipeline("text-classification", model=folder, tokenizer=folder, model_kwargs={"local_files_only": True, "use_safetensors": True})
    except (OSError, ValueError) as error:
        raise UsageError(f"the model in {folder} cannot be loaded ({' '.join(str(error).split())[:120]}); nothing was scored; give another") from None

    def score(texts: Sequence[str]) -> Float:
        found = model(list(texts), top_k=None, truncation=True)
        labels = [{entry["label"].lower(): entry["score"] for entry in one} for one in found]
        return np.array([one.get("positive", 0.0) - one.get("negative", 0.0) for one in labels], float)

    return score


SCORERS: dict[str, Callable[[str], Scorer]] = {"vader": vader, "finbert": finbert}


@functools.cache
def lexicon() -> tuple[dict[str, float], re.Pattern[str]]:
    """Valence of each word, phrases joined by underscores, and the pattern that finds the phrases, longest first."""
    text = resources.files("riskradar.data.sentiment").joinpath("lexicon.csv").read_text("utf-8")
    rows = {row["phrase"]: float(row["valence"]) for row in csv.DictReader(text.splitlines())}
    phrases = sorted((p for p in rows if not p.isalpha()), key=len, reverse=True)
    pattern = "|".join(r"[\s-]+".join(map(re.escape, re.split(r"[\s-]+", phrase))) for phrase in phrases)
    return {re.sub(r"[\s-]+", "_", p): valence for p, valence in rows.items()}, re.compile(rf"\b({pattern})\b", re.IGNORECASE)
