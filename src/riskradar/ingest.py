"""One fetch of live data: asked, kept as it came, parsed, judged, stored; what came is kept even where something failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from riskradar.config import Config
from riskradar.data.calendar import exchange
from riskradar.data.cells import iso_day, known_day
from riskradar.data.quality import Doubt, Known, Value, judge
from riskradar.data.sentiment import Headline, SentimentConfig, daily
from riskradar.data.sources import HEADLINE, SOURCES, Cell, Client, Missing, Payload, Request
from riskradar.data.sources.cache import Cache
from riskradar.errors import RadarError, UsageError
from riskradar.store import Store

PATIENCE = 2  # names in a row that fail before a source is left alone: it is not to be hammered
MEMORY = timedelta(days=7)  # how far back the stored feeds are read again, since a feed forgets its headlines within a day or two
BEFORE = timedelta(days=60)  # what is stored of these days before the first one that comes is its past: a last close, a run of equal ones
CACHE = "http"  # the folder, among the raw payloads, of answers that their sources may confirm
OBSERVED = "observed"  # the data.calendar that takes any day as it comes
_NEW_YORK = ZoneInfo("America/New_York")


@dataclass(frozen=True)
class SourceReport:
    """What became of one source: cells received = stored + refused + duplicates + empty; `last` day of what is stored of it; errors of its names."""

    source: str
    received: int = 0
    stored: int = 0
    refused: int = 0
    duplicates: int = 0
    empty: int = 0
    rules: tuple[tuple[str, int], ...] = ()
    last: date | None = None
    errors: tuple[RadarError, ...] = ()
    doubts: tuple[Doubt, ...] = ()

    def lines(self) -> list[str]:
        """What to print: the count, then errors and doubts."""
        parts = [f"{self.stored:,} stored", f"{self.duplicates:,} known already"]
        parts += [f"{self.refused:,} refused ({', '.join(f'{n:,} {rule}' for rule, n in self.rules)})"] if self.refused else []
        parts += [f"{self.empty:,} empty"] if self.empty else []
        head = f"{self.source}: {self.received:,} cells: {', '.join(parts)}; last day {self.last or 'none'}"
        told = [f"warning: {self.source} {d.rule}: {d.asset or 'market'} {d.series} {d.day}: {d.text}" for d in self.doubts]
        return [head, *(f"warning: {error}" for error in self.errors), *told]

    def record(self) -> dict[str, Any]:
        """The report as JSON-able values."""
        told = [d._asdict() | {"day": d.day.isoformat()} for d in self.doubts]
        return {
            "source": self.source, "received": self.received, "stored": self.stored, "refused": self.refused, "duplicates": self.duplicates,
            "empty": self.empty, "rules": dict(self.rules), "last": self.last and self.last.isoformat(), "errors": [str(e) for e in self.errors],
            "doubts": told,
        }  # fmt: skip


@dataclass(frozen=True)
class Report:
    """What became of one fetch, source by source in the order of sources.use."""

    moment: datetime
    sources: tuple[SourceReport, ...]

    def lines(self) -> list[str]:
        """What to print."""
        return [line for source in self.sources for line in source.lines()]

    def record(self) -> dict[str, Any]:
        """The report as JSON-able values."""
        return {"moment": self.moment.isoformat(), "sources": [source.record() for source in self.sources]}


def fetch(store: Store, config: Config, moment: datetime, client: Client | None = None) -> Report:
    """Fetch every source of sources.use into the store, one commit per source, and tell what became of every cell.

    moment: now, with its zone; no price of a session still running is taken. A source that fails leaves what the others brought, and what is stored.
    With sources.use empty nothing is asked. UsageError when no asset is named; the first error when nothing came and the store holds nothing of them.
    """
    if moment.tzinfo is None:
        raise UsageError(f"the moment {moment} has no time zone; nothing was fetched; add one")
    until = moment.astimezone(_NEW_YORK).date()
    request = Request(config.sources.assets, until - timedelta(days=config.sources.days), until, moment, _sentiment(config))
    with client or Client(now=lambda: moment, cache=Cache(store.payload_folder / CACHE)) as ready:
        reports = tuple(_source(store, config, ready, request, name) for name in config.sources.use)
    if reports and all(report.last is None for report in reports):
        nothing = UsageError("no source was asked for anything; nothing was fetched; set sources.use and sources.assets")
        raise next((error for report in reports for error in report.errors), nothing)
    return Report(moment, reports)


def _source(store: Store, config: Config, client: Client, request: Request, name: str) -> SourceReport:
    payloads, cells, errors = _asked(client, getattr(config.sources, name, None), request, name)
    if any(cell.series == HEADLINE for cell in cells):
        undated = [cell for cell in cells if not cell.day]
        cells = [*_tones(name, [*store.payloads(name, request.moment - MEMORY), *payloads], request), *undated]
    known = _known(store, config, cells)
    others = {other: of for other, of in known.items() if other != name}
    calendar = None if config.data.calendar == OBSERVED else exchange(config.data.calendar)
    judged = judge(cells, request.moment, calendar, known[name], others, config.quality)
    values = [_dated(v, known[name], request.moment) for v in judged.accepted] if SOURCES[name].fleeting else judged.accepted
    stored = store.keep(name, payloads, values, judged.refused, request.moment) if payloads else 0
    return SourceReport(
        source=name, received=judged.received, stored=stored, refused=len(judged.refused), empty=judged.empty,
        duplicates=judged.duplicates + len(judged.accepted) - stored, rules=tuple(sorted(Counter(r.rule for r in judged.refused).items())),
        last=store.last_day(name), errors=tuple(errors), doubts=tuple(judged.doubts),
    )  # fmt: skip


def _known(store: Store, config: Config, cells: Sequence[Cell]) -> dict[str, Known]:
    """What every source of sources.use said about the days of some cells, and about those shortly before."""
    first = min((day for cell in cells if (day := iso_day(cell.day))), default=date.max)
    return {name: store.newest(name, first - min(BEFORE, first - date.min)) for name in config.sources.use}


def _asked(client: Client, config: Any, request: Request, name: str) -> tuple[list[Payload], list[Cell], list[RadarError]]:
    """Payloads and cells of all names of a source that answered, each wholly or not at all, and the errors of the others."""
    source, failed = SOURCES[name], 0
    payloads: list[Payload] = []
    cells: list[Cell] = []
    errors: list[RadarError] = []
    for unit in source.names(config, request):
        try:
            came = source.fetch(client, config, request, unit)
            parsed = [cell for payload in came for cell in source.parse(payload)]
        except RadarError as error:
            errors.append(error)
            failed = 0 if isinstance(error, Missing) else failed + 1
            if failed == PATIENCE or isinstance(error, UsageError):
                break
            continue
        failed = 0
        payloads += came
        cells += parsed
    return payloads, cells, errors


def _tones(name: str, payloads: Sequence[Payload], request: Request) -> list[Cell]:
    """Counts and tones of the dated headlines in all payloads."""
    dated = (cell for payload in payloads for cell in SOURCES[name].parse(payload) if cell.day)
    headlines = [Headline(cell.value, datetime.fromisoformat(cell.day)) for cell in dated]
    return [Cell(t.series, t.asset, t.day.isoformat(), repr(t.value)) for t in daily(headlines, request.sentiment, request.moment)]


def _sentiment(config: Config) -> SentimentConfig:
    """The settings of sentiment, with every asset matched at least by its ticker."""
    sentiment = config.sources.sentiment
    return sentiment.model_copy(update={"firms": dict.fromkeys(config.sources.assets, ()) | sentiment.firms})


def _dated(value: Value, own: Known, moment: datetime) -> Value:
    """A value of a fleeting source with the day on which it was fetched, unless one of that day is stored: then the store says whether it differs."""
    new = value.day not in own.get(value[:2], {})
    return value._replace(known_at=known_day(moment, value.series)) if new else value
