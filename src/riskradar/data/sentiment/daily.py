"""Headlines to one number per day, asset and series."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from riskradar.data.sentiment.names import Names
from riskradar.data.sentiment.tone import SCORERS

MARKET = ""  # the asset of a number that speaks of the whole market
LONGEST = 1000  # characters of a headline that are looked at
_MOMENT = time(20, 0)  # the radar's moment, New York
_NEW_YORK = ZoneInfo("America/New_York")


class SentimentConfig(BaseModel, frozen=True, extra="forbid"):
    """scorer and, for FinBERT, the folder of the model; firms: asset -> names that its firm goes by, beside the ticker itself."""

    scorer: Literal["vader", "finbert"] = "vader"
    folder: str = ""
    firms: dict[str, tuple[str, ...]] = Field(default={})


class Headline(NamedTuple):
    """One headline and the moment (with its zone) at which it was published."""

    text: str
    published: datetime


class Tone(NamedTuple):
    """One number of one day: `series` is n_headlines or the mean tone, `asset` is "" for the market."""

    series: str
    asset: str
    day: date
    value: float


def daily(headlines: Iterable[Headline], config: SentimentConfig, moment: datetime) -> list[Tone]:
    """Count and mean tone of each day's distinct headlines, of the market (all of them) and of each asset that they are about; sorted.

    A day ends at 20:00 New York; the one still running at `moment` is left out, so that no day is judged by its first headlines.
    A day or asset without a headline has no row: silence is not a tone of zero.
    """
    texts = sorted({(_day(h.published), " ".join(h.text[:LONGEST].split())) for h in headlines if _day(h.published) < _day(moment)})
    distinct = list({(day, text.casefold()): (day, text) for day, text in texts if text}.values())
    if not distinct:
        return []
    tones = SCORERS[config.scorer](config.folder)([text for _, text in distinct])
    names = Names(config.firms)
    found: dict[tuple[date, str], list[float]] = defaultdict(list)
    for (day, text), tone in zip(distinct, tones.tolist(), strict=True):
        for asset in (MARKET, *names.find(text)):
            found[day, asset].append(tone)
    return sorted(
        row for (day, asset), values in found.items()
        for row in (Tone("n_headlines", asset, day, float(len(values))), Tone(f"{config.scorer}_mean", asset, day, sum(values) / len(values)))
    )  # fmt: skip


def _day(published: datetime) -> date:
    local = published.astimezone(_NEW_YORK)
    return local.date() + timedelta(days=int(local.time() > _MOMENT))
