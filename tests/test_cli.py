"""The command line as a user meets it: a real process, its two streams and its exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from riskradar.data.calendar import exchange

TINY = ("--set", "models.names=['base-rate','ewma-vol','vol+breadth']", "--set", "evaluate.draws=50")


def riskradar(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from riskradar.cli import main; main()", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=300, env={**os.environ, **(env or {})}, check=False)


def failed(result: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
    """One line on stderr with the words, nothing on stdout, the right exit code."""
    assert result.returncode == code, result.stderr
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1, result.stderr
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one stored run of the tiny preset on the real sample."""
    home = tmp_path_factory.mktemp("home")
    result = riskradar("run", "tiny", *TINY, cwd=home)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    for words in ("headline against vol+breadth", "sealed from 2010-01-01 on", "0 tries have opened it", "evaluated 1998-01-02 to 2009-12-31"):
        assert words in result.stdout
    assert "166,260 cells: 125,780 accepted, 40,480 outside data.start" in result.stdout
    return home


def test_help_is_light(tmp_path: Path) -> None:
    script = (
        "import sys; sys.argv = ['riskradar', '--help']\nfrom riskradar.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'pandas', 'numpy', 'scipy', 'sklearn', 'numba', 'plotly', 'pydantic'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert result.returncode == 0, result.stderr
    for verb in ("run", "show", "compare", "audit", "report", "doctor"):
        assert verb in result.stdout


def test_run_stores_everything(ran: Path) -> None:
    (folder,) = (ran / "runs").iterdir()
    tables = {f"{name}.parquet" for name in ("forecasts", "labels", "layers", "measures")}
    assert {p.name for p in folder.iterdir()} == {"run.json", "evaluation.json", "report.html", *tables}
    about = json.loads((folder / "run.json").read_text())
    assert about["panel"]["index"]
    assert about["config"]["layers"]["correlation"]["window"] == 20
    assert set(about["models"]) == {"base-rate", "ewma-vol", "vol+breadth"}


def test_confirm_opens_a_stored_run_and_logs_it_before_showing(tmp_path: Path) -> None:
    assert riskradar("run", "tiny", *TINY, cwd=tmp_path).returncode == 0
    opened = riskradar("report", "--confirm", cwd=tmp_path)
    assert opened.returncode == 0, opened.stderr
    shown = riskradar("show", "latest", cwd=tmp_path).stdout
    opened_by = ("opened from 2010-01-01 on and logged: 1 try has", "reality check p = ", "measures as scores and forward falls still end")
    for words in (*opened_by, "2010-2022", "alarms of 20/5", "before -5 %"):
        assert words in shown
    (tmp_path / "results" / "trials.jsonl").write_text("no trial\n")
    failed(riskradar("run", "tiny", *TINY, "--confirm", cwd=tmp_path), 5, "line 1", "stays sealed")
    failed(riskradar("run", "paper", "--confirm", cwd=tmp_path), 2, "without --confirm")


def test_show_lists_and_shows(ran: Path) -> None:
    listed = riskradar("show", cwd=ran)
    assert listed.returncode == 0
    name = listed.stdout.split()[0]
    assert "ewma-vol" in riskradar("show", name[:8], cwd=ran).stdout
    assert json.loads(riskradar("show", name, "--json", cwd=ran).stdout)["about"]["id"] == name
    for what, word in (("features", "volatility_20"), ("layers", "correlation"), ("models", "vix+breadth"), ("config", "mean_block")):
        assert word in riskradar("show", what, cwd=ran).stdout


def test_show_model_says_what_it_is_made_of(tmp_path: Path) -> None:
    found = json.loads(riskradar("show", "model", "srr", "--json", "--set", "models.srr.sequence=10", cwd=tmp_path).stdout)
    assert sum(found["parts"].values()) == found["parameters"]
    assert (found["sequence"], found["sessions"]) == (10, 46)
    assert found["layers"] == ["correlation", "sector"]
    costs = [(cost["assets"], cost["multiply_adds"], cost["bytes"]) for cost in found["cost"]]
    assert costs == sorted(costs)
    assert found["macro"] == []
    nodes = ("show", "model", "srr", "--set", "models.srr.sequence=10", "--set", 'models.srr.macro=["vix","credit"]')
    assert "macro nodes: vix, credit\n" in riskradar(*nodes, cwd=tmp_path).stdout
    wider = json.loads(riskradar(*nodes, "--json", cwd=tmp_path).stdout)
    assert wider["parts"]["layer macro-nodes"] == wider["parts"]["layer sector"]
    assert wider["parts"]["inputs"] - found["parts"]["inputs"] == 7 * 32 + 32
    assert all(more["multiply_adds"] > less["multiply_adds"] for more, less in zip(wider["cost"], found["cost"], strict=True))
    shown = riskradar("show", "model", "snapshot-gcn", cwd=tmp_path).stdout
    assert "graph convolutions  1,312" in shown
    assert "all                 1,925" in shown
    assert "share of past days" in riskradar("show", "model", "base-rate", cwd=tmp_path).stdout
    failed(riskradar("show", "model", cwd=tmp_path), 2, "needs a name")


def test_compare_with_itself_shows_no_difference(ran: Path) -> None:
    result = json.loads(riskradar("compare", "latest", "latest", "--json", cwd=ran).stdout)
    assert result == {} or all(len(pair["rows"]) == 1 for pair in result.values())


def test_report_is_written_again(ran: Path, tmp_path: Path) -> None:
    result = riskradar("report", "latest", "--out", str(tmp_path / "again.html"), cwd=ran)
    assert result.returncode == 0
    (folder,) = (ran / "runs").iterdir()
    assert (tmp_path / "again.html").read_text() == (folder / "report.html").read_text()


def test_doctor_is_content(tmp_path: Path) -> None:
    result = riskradar("doctor", "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stdout
    assert all(check["good"] for check in json.loads(result.stdout))


def test_damaged_runs_are_refused(ran: Path, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "20200101-000000-tiny-abcdef"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{")
    failed(riskradar("show", "latest", cwd=tmp_path), 5, "run.json", "left as it is")
    (folder / "run.json").write_text('{"schema": "riskradar.run/99"}')
    failed(riskradar("report", cwd=tmp_path), 5, "riskradar.run/99")
    failed(riskradar("report", "nosuchrun", cwd=ran), 2, "nosuchrun")
    failed(riskradar("report", cwd=tmp_path / "runs"), 2, "riskradar run")


def sessions(count: int) -> list[str]:
    days = exchange("XNYS").days
    return [str(d) for d in days[days >= np.datetime64("2010-01-04")][:count]]


def write(path: Path, frame: pd.DataFrame) -> Path:
    frame.to_csv(path, index_label="date")
    return path


def walk(names: list[str], count: int = 1500, seed: int = 1) -> pd.DataFrame:
    steps = np.random.default_rng(seed).normal(0, 0.015, (count, len(names)))
    return pd.DataFrame(100 * np.exp(np.cumsum(steps, axis=0)), index=sessions(count), columns=names)


OWN = ("--set", "data.start=2010-01-04", "--set", "split.first=2013-01-02", "--set", "evaluate.start=2013-01-02", "--set", "evaluate.min_events=1")


def test_a_cluster_that_can_be_none_is_refused(tmp_path: Path) -> None:
    failed(riskradar("run", "tiny", *TINY, "--dask", "cluster:8786", cwd=tmp_path), 2, "'cluster:8786'", "tcp://host:port")


def test_refused_cells_are_a_warning_and_are_kept_in_the_record(tmp_path: Path) -> None:
    frame = walk(["NA", "TRUE", "1E5"]).astype(object)
    frame.iloc[700, 0], frame.iloc[701, 1], frame.iloc[702, 2] = "NaN", "-5", "1e400"
    write(tmp_path / "prices.csv", frame)
    result = riskradar("run", "tiny", *TINY, *OWN, "--set", "data.prices=prices.csv", "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    intake = json.dumps(json.loads(result.stdout)["about"]["intake"])
    for word in ("NA", "TRUE", "1E5", "nonfinite", "nonpositive", "1e400"):
        assert word in intake


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        ("", 3, ["prices.csv"]),
        ("date\n2010-01-04\n", 3, ["prices.csv"]),
        ("date,A\n01/02/2024,5\n", 3, ["ISO"]),
        ("a,b\n1,2\n", 3, ["data.columns"]),
        ("date,A,A\n2010-01-04,1,2\n", 3, ["prices.csv"]),
        ("date," + ",".join(f"S{i}" for i in range(50_000)) + "\n", 3, ["max_assets"]),
    ],
)
def test_a_bad_price_file_is_refused_whole(content: str, code: int, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text(content)
    failed(riskradar("run", "tiny", "--set", "data.prices=prices.csv", cwd=tmp_path), code, *words)
    assert not (tmp_path / "runs").exists()


def test_missing_paths_and_folders(tmp_path: Path) -> None:
    failed(riskradar("run", "tiny", "--set", "data.prices=nowhere.csv", cwd=tmp_path), 3, "nowhere.csv")
    failed(riskradar("run", "tiny", "--set", "data.prices=.", cwd=tmp_path), 3)
    failed(riskradar("run", "tiny", "--set", "data.calendar=XNYX", cwd=tmp_path), 2, "XNYS")
    (tmp_path / "file").write_text("")
    failed(riskradar("run", "tiny", *TINY, "--home", "file", cwd=tmp_path), 5, "file")


@pytest.mark.parametrize("case", ["one asset", "constant", "identical", "short"])
def test_degenerate_markets_end_with_a_reason(case: str, tmp_path: Path) -> None:
    frame = {"one asset": walk(["A"]), "constant": walk(["A", "B"]) * 0 + 5, "identical": walk(["A"]), "short": walk(["A", "B"], 40)}[case]
    if case == "identical":
        frame["B"] = frame["A"]
    write(tmp_path / "prices.csv", frame)
    result = riskradar("run", "tiny", *TINY, *OWN, "--set", "data.prices=prices.csv", "--json", cwd=tmp_path)
    assert "Traceback" not in result.stderr
    if case == "short":
        failed(result, 2, "split")
    else:
        assert result.returncode == 0, result.stderr
        evaluation = json.loads(result.stdout)["evaluation"]
        if case == "constant":
            assert "undefined" in json.dumps(evaluation) or evaluation["absent"] or all(
                cell["auroc"]["value"] is None for row in evaluation["rows"] for cell in row["targets"].values()
            )  # fmt: skip


def test_usage_errors(tmp_path: Path) -> None:
    failed(riskradar("run", "nopreset", cwd=tmp_path), 2, "presets are")
    failed(riskradar("run", "tiny", "--set", "layers.correlation.windw=3", cwd=tmp_path), 2, "did you mean 'window'")
    failed(riskradar("run", "tiny", "--set", "labels.targets=['5-3']", cwd=tmp_path), 2, "5-3")
    failed(riskradar("run", "tiny", "--set", "models.names=['gnn9']", cwd=tmp_path), 2, "gnn9")
    failed(riskradar("run", "tiny", "--set", "split.first=2050-01-01", cwd=tmp_path), 2, "split")
    assert riskradar("nosuchverb", cwd=tmp_path).returncode == 2
