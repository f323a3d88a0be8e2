"""Write the results table of README.md from a stored run: python docs/readme_table.py RUN."""

import json
import sys
from pathlib import Path

from riskradar import record

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "results" / "sample.json"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
TARGETS = ("20/5", "20/10", "60/10")


def extract(run: record.Record) -> dict[str, object]:
    """The few figures that README shows, with the hashes that say where they come from."""
    rows = {
        row["model"]: {
            "hindsight": run.about["models"][row["model"]]["hindsight"],
            "targets": {t: {k: row["targets"][t][k] for k in ("auroc", "auroc_onset")} for t in TARGETS if t in row["targets"]},
            "headline": row["headline"],
            "log_skill": row["targets"]["20/5"]["log_skill"],
        }
        for row in run.evaluation["rows"]
    }
    order = [name for name in run.about["models"] if name in rows]
    return {"run": run.id, "config_hash": run.about["config_hash"], "panel_hash": run.about["panel"]["hash"], "panel": run.about["panel"]["text"],
            "comparator": run.evaluation["comparators"][0], "span": run.evaluation["span"], "rows": {name: rows[name] for name in order}}  # fmt: skip


def table(results: dict[str, object]) -> str:
    """The Markdown table, generated and never edited."""
    other = results["comparator"]
    lines = [
        f"Run `{results['run']}`: {results['panel']}; evaluated {results['span']['start']} to {results['span']['end']}.",
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
