"""What a stored run is and how well it did: its account, its evaluation, its model card, and what differs between two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import JsonValue

from riskradar import record, text
from riskradar.errors import StorageError
from riskradar.html import account
from riskradar.serve.answers import (
    Card,
    Change,
    Difference,
    Estimate,
    Evaluation,
    Event,
    Events,
    Health,
    Leaderboard,
    LeaderRow,
    Limit,
    ModelAbout,
    Run,
    RunAbout,
    Runs,
    Settings,
)  # fmt: skip
from riskradar.serve.problems import Missing
from riskradar.serve.scores import envelope
from riskradar.serve.shelf import Shelf, View

REFUSED = 200  # refused cells that are listed
CURVES = ("roc", "pr")
FIGURES = ("auroc_onset", "auroc", "auprc_lift", "log_skill", "brier_skill", "ece")
USE = (
    "Research and monitoring: how fragile is the market beside its own past, and how far can that number be trusted. Not for trading without a "
    "human, not for a single stock, not as a forecast of a date, and not on a market whose own history has not been run through it."
)


def runs(shelf: Shelf, limit: int = 50, cursor: str = "") -> Runs:
    """The stored runs, newest first; cursor: the last name of the page before."""
    names = sorted((name for name in shelf.names() if not cursor or name < cursor), reverse=True)
    page = names[:limit]
    return Runs(next=page[-1] if len(names) > limit else None, rows=tuple(_line(shelf, name) for name in page))


def _line(shelf: Shelf, name: str) -> RunAbout:
    try:
        stored = record.load(shelf.home, name)
    except StorageError:
        empty = dict.fromkeys(("created", "preset", "kind", "config_hash", "panel_hash", "panel", "sealed"), "")
        return RunAbout(run=name, **empty, reason="damaged, or written by a version that this one cannot read")
    about = stored.about
    return RunAbout(
        run=stored.id, created=about["created"], preset=about["preset"], kind=about["kind"], config_hash=about["config_hash"],
        panel_hash=about["panel"]["hash"], panel=about["panel"]["text"], sealed=str(stored.evaluation.get("sealed", "")),
    )  # fmt: skip


def run(view: View) -> Run:
    """One run: what it holds."""
    about, end = view.record.about, view.record.about["panel"]["end"]
    dates = view.scored.tolist() if view.live else []
    return Run(
        **envelope(view, end), created=about["created"], preset=about["preset"], kind=about["kind"],
        sealed=str(view.record.evaluation.get("sealed", "")), sentence=about.get("sentence", ""), panel=about["panel"],
        models=tuple(view.inputs.forecasts) if view.live else (), anchor=view.inputs.anchor if view.live else "",
        targets=tuple(t["name"] for t in view.inputs.targets) if view.live else (), layers=tuple(about.get("layers", {})),
        measures=tuple(about.get("measures", {})), scored=(dates[0], dates[-1]) if dates else None,
        environment=about["environment"], seconds=about.get("seconds", {}),
    )  # fmt: skip


def settings(view: View) -> Settings:
    """The configuration."""
    return Settings(**_head(view), config=view.record.about["config"])


def difference(view: View, other: View) -> Difference:
    """The settings that differ between two runs, by key, and whether they read the same data."""
    first, second = (dict(_flat(v.record.about["config"])) for v in (view, other))
    changed = [key for key in sorted({*first, *second}) if first.get(key) != second.get(key)]
    same = view.record.about["panel"]["hash"] == other.record.about["panel"]["hash"]
    rows = tuple(Change(key=key, first=first.get(key), second=second.get(key)) for key in changed)
    return Difference(**_head(view), other=other.record.id, same_data=same, rows=rows)


def health(view: View) -> Health:
    """What was read and refused."""
    about = view.record.about
    told = about.get("intake", {})
    found = told.get("record", {})
    refused = found.get("refused", [])
    absent = {kind: about.get(f"{kind}s_absent", {}) for kind in ("feature", "layer", "measure")} | {"model": about.get("absent", {})}
    return Health(
        **_head(view), start=about["panel"]["start"], end=about["panel"]["end"], lines=told.get("lines", ()), counts=found.get("counts", []),
        hashes=found.get("hashes", {}), notes=found.get("notes", ()), warnings=found.get("warnings", ()), refused_count=len(refused),
        refused=refused[:REFUSED], absent=absent,
    )  # fmt: skip


def card(view: View) -> Card:
    """The model card."""
    about, inputs = view.record.about, view.inputs
    absent = {**view.record.evaluation.get("absent", {}), **about.get("absent", {})}
    models = [
        ModelAbout(
            model=name, about=told.get("about", ""), hindsight=bool(told.get("hindsight")), refit_years=told.get("refit_years"),
            history_start=told.get("history_start"), absent=absent.get(name, ""),
        )
        for name, told in about["models"].items()
    ]  # fmt: skip
    return Card(
        **_head(view), sentence=about.get("sentence", ""), use=USE, models=tuple(models), shares=about.get("shares", {}),
        protocol=tuple(text.protocol(about, view.record.evaluation)), limits=tuple(Limit(title=a, text=b) for a, b in account.limits(inputs)),
    )  # fmt: skip


def events(view: View) -> Events:
    """The independent falls of the evaluated sessions."""
    found = _evaluation(view)
    return Events(**_head(view), sealed=str(found.get("sealed", "")), rows=tuple(Event(**event) for event in found["events"]))


def leaderboard(view: View) -> Leaderboard:
    """Every model on every target."""
    about, found = view.record.about, _evaluation(view)
    other = next(iter(found["comparators"]), "")
    by_name = {row["model"]: row for row in found["rows"]}
    rows = [
        LeaderRow(
            model=name, about=about["models"][name]["about"], hindsight=bool(about["models"][name]["hindsight"]), target=target,
            **{key: estimate(cell[key]) for key in FIGURES}, claim=estimate(by_name[name]["headline"].get(other)),
        )
        for name in about["models"] if name in by_name
        for target, cell in by_name[name]["targets"].items()
    ]  # fmt: skip
    return Leaderboard(
        **_head(view), comparator=other, headline=tuple(found["headline"]), sealed=str(found.get("sealed", "")),
        protocol=tuple(text.protocol(about, found)), targets=found["targets"], rows=tuple(rows), absent=found["absent"],
    )  # fmt: skip


def evaluation(view: View, model: str = "") -> Evaluation:
    """The stored evaluation: all models without curves and draws, or one with its curves."""
    found = _evaluation(view)
    chosen = [row for row in found["rows"] if not model or row["model"] == model]
    if model and not chosen:
        raise Missing("this run has no evaluation of such a model; the run lists its models")
    return Evaluation(**_head(view), evaluation={**found, "rows": [_brief(row, curves=bool(model)) for row in chosen]})


def estimate(score: Mapping[str, Any] | None) -> Estimate:
    """A figure of the evaluation."""
    if score is None:
        return Estimate(value=None, reason="no comparison")
    return Estimate(value=score["value"], low=score.get("low"), high=score.get("high"), reason=score.get("reason", ""))


def _brief(row: Mapping[str, Any], curves: bool) -> dict[str, JsonValue]:
    targets = {name: {key: part for key, part in cell.items() if curves or key not in CURVES} for name, cell in row["targets"].items()}
    return {**{key: part for key, part in row.items() if key != "draws"}, "targets": targets}


def _evaluation(view: View) -> dict[str, Any]:
    if not view.live:
        raise Missing("this run repeats the paper by its own rules: its evaluation is in its report")
    return view.record.evaluation


def _head(view: View) -> dict[str, Any]:
    return envelope(view, view.record.about["panel"]["end"])


def _flat(value: Any, key: str = "") -> Iterator[tuple[str, JsonValue]]:
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _flat(inner, f"{key}.{name}" if key else str(name))
    else:
        yield key, value
