"""Write the results table of README.md from a stored run: python docs/readme_table.py RUN.

A setting that is added or renamed moves the hash of the settings: `make run` then logs the default run under its new hash in
results/trials.jsonl (as the same try, where its figures are the same), and this script takes the table from it; docs/model_card.py then
writes the card from the same figures. Commit all of them.
"""

import json
import sys
from pathlib import Path

from riskradar import html, record

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results" / "sample.json"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
EVENT = ("reason", "events", "recall", "null_recall", "p", "realised_rate", "alarms_per_year", "disqualified")
TARGETS = ("20/5", "20/10", "60/10")


def extract(run: record.Record) -> dict[str, object]:
    """The few figures that README shows, with the hashes that say where they come from."""
    if run.evaluation["sealed"]:
        sys.exit(f"{run.id} did not see the later half; make run does, with --confirm")
    rows = {
        row["model"]: {
            **{k: run.about["models"][row["model"]][k] for k in ("about", "hindsight", "refit_years", "history_start")},
            "targets": {t: {k: row["targets"][t][k] for k in ("auroc", "auroc_onset")} for t in TARGETS if t in row["targets"]},
            "headline": row["headline"],
            "halves": {
                years: {
                    "headline": {other: {k: claim[k] for k in ("value", "low", "high")} for other, claim in claims.items()},
                    "targets": {t: cell["halves"][years]["auroc_onset"] for t, cell in row["targets"].items() if t in TARGETS},
                }
                for years, claims in row["halves"].items()
            },
            "event": {k: row["event"][k] for k in EVENT},
            "log_skill": row["targets"]["20/5"]["log_skill"],
        }
        for row in run.evaluation["rows"]
    }
    order = [name for name in run.about["models"] if name in rows]
    return {"run": run.id, "config_hash": run.about["config_hash"], "panel_hash": run.about["panel"]["hash"], "panel": run.about["panel"]["text"],
            "comparator": run.evaluation["comparators"][0], "span": run.evaluation["span"], "protocol": run.about["protocol"],
            "limits": html.limits(run.about, run.evaluation, run.forecasts(), run.labels()), "absent": run.evaluation["absent"],
            "targets": [{k: t[k] for k in ("name", "base_rate", "base_rate_onset", "events", "start")} for t in run.evaluation["targets"]],
            "rows": {name: rows[name] for name in order}}  # fmt: skip


def table(results: dict[str, object]) -> str:
    """The Markdown table, generated and never edited."""
    other, protocol = results["comparator"], results["protocol"]
    best = protocol["reality_check"][other]
    lines = [
        f"Run `{results['run']}`: {results['panel']}; evaluated {results['span']['start']} to {results['span']['end']}.",
        f"Tries that have seen the half from {protocol['split']} on: {protocol['tries']}; reality check of the best row against {other}, "
        f"{best['best']} ({best['value']:+.2f}): p = {best['p']:.2f}.",
        "",
        f"| row | {' | '.join(f'{t} ONSET / all days' for t in TARGETS)} | headline: difference to {other} | log-score skill, 20/5 |",
        "|---|" + "---|" * (len(TARGETS) + 2),
    ]
    for name, row in results["rows"].items():
        cells = [f"{two(row['targets'][t]['auroc_onset'])} / {two(row['targets'][t]['auroc'])}" for t in TARGETS]
        claim = row["headline"][other]
        gap = "reference" if name == other else between(claim)
        lines.append(f"| {name} | {' | '.join(cells)} | {gap} | {between(row['log_skill'])} |")
    return "\n".join(lines)


def two(score: dict[str, object]) -> str:
    """Two digits, or undefined."""
    return "undefined" if score["value"] is None else f"{score['value']:.2f}"


def between(score: dict[str, object]) -> str:
    """A signed value and its 90 % interval."""
    return "undefined" if score["value"] is None else f"{score['value']:+.2f} ({score['low']:+.2f} to {score['high']:+.2f})"


def written(readme: str, results: dict[str, object]) -> str:
    """README with its table replaced."""
    head, rest = readme.split(BEGIN)
    return f"{head}{BEGIN}\n{table(results)}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    found = extract(record.load(ROOT / "runs", sys.argv[1] if len(sys.argv) > 1 else "latest"))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")
    path = ROOT / "README.md"
    path.write_text(written(path.read_text(), found))
