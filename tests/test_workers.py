"""The same jobs on a cluster give the same bits; a cluster that cannot be used is named in one line."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from joblib import delayed

from riskradar.backtest import BacktestConfig, run
from riskradar.errors import SourceError, UsageError
from riskradar.models.classic import ForestConfig
from riskradar.split import SplitConfig
from riskradar.tables import Graphs, Weights
from riskradar.workers import workers
from tests.markets import TINY, Line, ragged

NAMES = ("vol+breadth", "logistic", "forest", "snapshot-gcn")
CONFIG = TINY.model_copy(update={"names": NAMES, "seeds": 2, "forest": ForestConfig(trees=4, refit_years=1)})
SPLIT = SplitConfig(first="2003-06-02")
needs_dask = pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="Dask is not installed (the extra `dask`)")

# A cluster in a process of its own: two workers with one thread each (or as asked), and what is said of it in JSON on the last line.
CLUSTER = """
import json, sys, tempfile
from pathlib import Path
from distributed import LocalCluster
import riskradar.workers
from tests.test_workers import hashes
from riskradar.errors import RadarError
from riskradar.resume import Cache

if __name__ == "__main__":
    workers, threads = json.loads(sys.argv[1])
    riskradar.workers.PATIENCE = 5
    with LocalCluster(n_workers=workers, threads_per_worker=threads, processes=True, dashboard_address=None) as cluster:
        cache = Cache(Path(tempfile.mkdtemp()))
        try:
            found = hashes(cluster.scheduler_address, cache)
            found["kept"] = len(list(cache.folder.glob("*")))
            found["processes"] = len(cluster.scheduler_info["workers"])
        except RadarError as error:
            found = {"code": error.code, "text": str(error)}
    print(json.dumps(found))
"""


def hashes(dask: str, cache: object = None) -> dict[str, object]:
    """What each fold learned, and every score and probability as bytes."""
    line = Line.of(ragged(1340, seed=2))
    found = run(line.features, line.graphs, line.labels, CONFIG, SPLIT, BacktestConfig(jobs=1, dask=dask), cache)  # type: ignore[arg-type]
    return {"learned": found.hashes, "bits": {name: (f.score.tobytes() + f.probability.tobytes()).hex() for name, f in found.forecasts.items()}}


def on_cluster(workers: int, threads: int) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", CLUSTER, json.dumps([workers, threads])],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        cwd=Path(__file__).parent.parent,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


@needs_dask
def test_two_dask_workers_give_the_bits_of_one_process() -> None:
    found, serial = on_cluster(2, 1), hashes("")
    assert found.pop("processes") == 2
    assert found.pop("kept") == 3 * 5, "jobs are kept here, whoever did them: three folds of two models, two seeds of a forest, two stacked ones"
    assert found == serial


@needs_dask
def test_a_worker_with_several_threads_is_refused() -> None:
    found = on_cluster(1, 2)
    assert found["code"] == 2
    assert "--nthreads 1" in str(found["text"])


@needs_dask
def test_a_cluster_without_a_worker_is_named() -> None:
    found = on_cluster(0, 1)
    assert found["code"] == 4
    assert "no worker" in str(found["text"])


@needs_dask
def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("riskradar.workers.PATIENCE", 2)
    with pytest.raises(SourceError, match=r"tcp://127\.0\.0\.1:9 .*nothing was run"), workers(1, "tcp://127.0.0.1:9", ()):
        pass


@pytest.mark.parametrize("address", ["127.0.0.1:8786", "http://127.0.0.1:80", "tcp://", "tcp://host", "tcp://host:port", "local"])
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="tcp://host:port"), workers(1, address, ()):
        pass


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match=r"\[dask\]"), workers(1, "tcp://127.0.0.1:9", ()):
        pass


def kind(graphs: Graphs) -> str:
    return type(graphs.layers["wide"].pairs).__name__  # type: ignore[attr-defined]


def test_local_processes_map_the_same_graphs(line: Line) -> None:
    wide = Weights(64, np.ones((500, 64 * 63 // 2), np.float32))
    days = line.graphs.dates[:500]
    graphs = Graphs(days, tuple(f"A{i:02d}" for i in range(64)), {"wide": wide}, {})
    with workers(2, "", ()) as parallel:
        assert set(parallel(delayed(kind)(graphs) for _ in range(4))) == {"memmap"}
