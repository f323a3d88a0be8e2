"""Proof: explanations find what truly moves a score, in markets whose drivers are planted, and find nothing where nothing is planted.

Each sample has three snapshots of 20 assets, two features and three graph layers, all of them drawn alike. On every snapshot five assets carry
stress (a high first feature) and five others a decoy (an equally high second feature); each layer joins some of the stressed among themselves, some
of the decoys, and others at random. What counts is how many edges of the first layer join stressed assets on the middle snapshot: it makes up 45 % of
the variance of the logit that the label is drawn from, the rest is noise that no input shows; at strength 0 it makes up nothing.

`srr` learns from 3,000 samples, with the encoder that keeps what an asset is apart from what its neighbours are: a convolution adds the two up and
ranks far worse. Explained are later samples in which at least six such edges exist, and as many join the decoys. Recall is the share of true things
among the five named first (assets, edges), or whether the one named first is true (layer, snapshot). Assets are ranked by the size of what their
numbers and edges add; `assets net` ranks by the sum, in which the two may cancel, as stress without its edges lowers the score of a network that has
never seen an empty graph.
Decoys are as large, as many and as well joined: at strength 0 truth may be found no more often than they are, which is what chance means here.

The oracle is a network that counts those edges without having learned it: explained in the same way, it tells what the attribution misses apart from
what the learning misses. AUROC stands beside that of the planted count, which bounds it.

Proved, with 90 % intervals over seeds: mean recall of assets (either way) and layer at least .8, of edges .6 at strength 1, and .9 for the oracle;
at strength 0 the interval of truth less decoy does not lie above 0; deleting (inserting) assets in the named order moves the score further than
random orders do, with an interval above 0; every explanation adds up to its score within 1e-3.
    python prove/explain.py [COUNT]     writes proofs/explain.json, which is gone on with, and its summary into results/explain.json.
"""

import hashlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from prove.contagion import interval

from riskradar.attribution import Atoms, Read, attribute
from riskradar.attribution.checks import CURVE, agreement, deletion
from riskradar.attribution.networks import About, layered
from riskradar.backtest import fit_seeds, score_day
from riskradar.models import Fitted
from riskradar.models.dense import TrainConfig
from riskradar.models.srr import inputs
from riskradar.models.srr.encoders import Block
from riskradar.models.srr.model import Srr, SrrConfig
from riskradar.models.srr.network import Send
from riskradar.split import Fold
from riskradar.tables import Bits, Facts, Features, Graphs, Labels, Panel, Target

COUNT, BUDGET = 20, "about 20 minutes of one core"
ROOT = Path(__file__).resolve().parents[1]
OUT, RESULTS = ROOT / "proofs" / "explain.json", ROOT / "results" / "explain.json"
STRENGTHS = (1.0, 0.0)
ASSETS, GROUP, SEQUENCE, TRAINED, TESTED = 20, 5, 3, 3000, 400
LAYERS, TRUE_LAYER, TRUE_SNAPSHOT, SHARE = ("first", "second", "third"), 0, 1, 0.45
SHOWN, LEAST_EDGES, WIDTH = 8, 6, 4.0  # explained samples of a market, true edges in each of them, deviation of the logit
MODEL = SrrConfig(
    layers=LAYERS, inputs=("stress", "decoy"), context=(), encoder="transformer", width=16, heads=1, depth=1, fusion="concat", sequence=SEQUENCE,
    every=1, train=TrainConfig(epochs=15, batch=64, rate=5e-3),
)  # fmt: skip
TARGET = Target(1, 0.05)
ORACLE = 0.9  # least recall where nothing had to be learned


@dataclass(frozen=True, eq=False)
class Market:
    """The tables of one market; group [T, N]: 1 stressed, 2 decoy; edges [T, L, N, N].

    ends: the last snapshot of each sample; share of the logit's variance that the driver [samples] makes up.
    """

    panel: Panel
    features: Features
    graphs: Graphs
    labels: Labels
    group: np.ndarray
    edges: np.ndarray
    ends: np.ndarray
    share: float
    driver: np.ndarray

    @classmethod
    def of(cls, seed: int, strength: float) -> "Market":
        """Drawn from the seed; strength 0 leaves the logit to noise."""
        rng = np.random.default_rng([seed, 23])
        samples = TRAINED + TESTED
        T = samples * SEQUENCE
        order = rng.random((T, ASSETS)).argsort(axis=1)
        group = np.where(order < GROUP, 1, np.where(order < 2 * GROUP, 2, 0))
        x = rng.standard_normal((T, ASSETS, 2)) * 0.5 + 2.5 * np.stack([group == 1, group == 2], axis=2)
        chance = rng.uniform(0, 0.9, (T, len(LAYERS), 2))  # how well each layer joins the stressed, and the decoys
        density = np.full((T, len(LAYERS), ASSETS, ASSETS), 0.12)
        for k in (1, 2):
            both = (group == k)[:, :, None] & (group == k)[:, None, :]
            density = np.where(both[:, None], chance[:, :, k - 1, None, None], density)
        edges = np.triu(rng.random(density.shape) < density, 1)
        edges |= edges.transpose(0, 1, 3, 2)
        ends = np.arange(samples) * SEQUENCE + SEQUENCE - 1
        at = ends - (SEQUENCE - 1) + TRUE_SNAPSHOT
        stressed = (group == 1)[at]
        count = (edges[at, TRUE_LAYER] & stressed[:, :, None] & stressed[:, None, :]).sum(axis=(1, 2)) / 2
        driver = strength * WIDTH * SHARE**0.5 * (count - count.mean()) / count.std()
        logit = driver + WIDTH * (1 - SHARE * strength) ** 0.5 * rng.standard_normal(samples)
        falls = rng.random(samples) < 1 / (1 + np.exp(-logit))
        return cls(*_tables(x, edges, falls, ends), group, edges, ends, float(driver.var() / logit.var()), driver)

    @property
    def fold(self) -> Fold:
        """The first samples to learn from, the later ones to be scored."""
        start, dates = TRAINED * SEQUENCE, self.features.dates
        return Fold("late", start, len(dates), self.labels.known <= dates[start], dates[start], "live")

    def fitted(self, seeds: Sequence[int]) -> Sequence[Fitted]:
        """`srr` after the first samples, once a seed."""
        return fit_seeds(Srr(MODEL), self.features, self.graphs, self.labels, self.fold, seeds)

    def shown(self, count: int) -> list[int]:
        """The ends of the first later samples with enough edges in the true layer and snapshot, among the stressed and among the decoys."""
        found: list[int] = []
        for end in self.ends[TRAINED:].tolist():
            at = end - (SEQUENCE - 1) + TRUE_SNAPSHOT
            groups = [self.group[at] == k for k in (1, 2)]
            joined = [self.edges[at, TRUE_LAYER][np.ix_(group, group)].sum() / 2 for group in groups]
            if min(joined) >= LEAST_EDGES and len(found) < count:
                found.append(end)
        return found

    def ranks(self, fitted: Fitted) -> dict[str, float]:
        """AUROC on the later samples: of a model, and of what truly drives the logit, which no model can beat but by chance."""
        ends = self.ends[TRAINED:-1]  # the last has no label
        y = self.labels.values[ends, 0, 0]
        scores = [score_day(fitted, self.features, self.graphs, int(end)).score[0, 0] for end in ends]
        return {"auroc": float(roc_auc_score(y, scores)), "auroc of the driver": float(roc_auc_score(y, self.driver[TRAINED:-1]))}


def _tables(x: np.ndarray, edges: np.ndarray, falls: np.ndarray, ends: np.ndarray) -> tuple[Panel, Features, Graphs, Labels]:
    T = len(x)
    dates = np.datetime64("1950-01-01") + np.arange(T)
    names, everyone = tuple(f"N{i:02d}" for i in range(ASSETS)), np.ones((T, ASSETS), bool)
    panel = Panel(
        dates, names, kind=("stock",) * ASSETS, close=np.ones((T, ASSETS)), member=everyone, sectors=(), sectors_dated=True,
        sector=np.full((T, ASSETS), -1, np.int16), facts=Facts.none(), level=np.ones(T), index="none",
    )  # fmt: skip
    values = np.full((T, 1, 1), np.nan)
    values[ends, 0, 0] = falls
    values[-1] = np.nan
    known = np.append(dates[1:], np.datetime64("NaT"))[:, None]
    layers = {name: Bits.of(edges[:, k]) for k, name in enumerate(LAYERS)}
    return (
        panel, Features(dates, names, MODEL.inputs, x, (), np.empty((T, 0)), everyone, {}), Graphs(dates, names, layers, {}),
        Labels(dates, ("system",), (TARGET,), values, known, np.ones(T, bool), np.ones(T)),
    )  # fmt: skip


def recall(market: Market, atoms: Atoms, end: int) -> dict[str, float]:
    """Shares of truth, and of its decoys, among what an explanation names first."""
    first = end - (SEQUENCE - 1)
    group, edges = market.group[first + TRUE_SNAPSHOT], market.edges[first + TRUE_SNAPSHOT]
    found = {}
    for name, size in (("assets", _sizes(atoms, TRUE_SNAPSHOT)), ("assets net", np.abs(_assets(atoms, TRUE_SNAPSHOT)))):
        assets = np.argsort(-size)[:GROUP]
        found |= {name: np.mean(group[assets] == 1), f"{name} decoy": np.mean(group[assets] == 2)}
    every = sorted(_pairs(atoms).items(), key=lambda pair: -abs(pair[1]))[:GROUP]
    both = (group == 1)[:, None] & (group == 1)[None, :]
    for name, layer in (("edges", TRUE_LAYER), ("edges decoy", TRUE_LAYER + 1)):
        hits = [one == LAYERS[layer] and k == TRUE_SNAPSHOT and both[i, j] and edges[layer, i, j] for (one, k, i, j), _ in every]
        found[name] = np.mean(hits)
    layers = [abs(atoms.edges[name].adds.sum()) for name in LAYERS]
    by_day = [abs(_assets(atoms, k).sum()) for k in range(SEQUENCE)]
    found |= {"layer": np.argmax(layers) == TRUE_LAYER, "layer decoy": np.argmax(layers) == TRUE_LAYER + 1}
    found |= {"snapshot": np.argmax(by_day) == TRUE_SNAPSHOT, "snapshot decoy": np.argmax(by_day) == 0}
    return {name: float(value) for name, value in found.items()}


def _assets(atoms: Atoms, snapshot: int) -> np.ndarray:
    """What each asset adds on one snapshot."""
    out = atoms.by_node[snapshot].sum(axis=1)
    for edges in atoms.edges.values():
        here = edges.session == snapshot
        for ends in (edges.receiver, edges.sender):
            np.add.at(out, ends[here], edges.adds[here] / 2)
    return out


def _sizes(atoms: Atoms, snapshot: int) -> np.ndarray:
    """How much the numbers and the edges of each asset add on one snapshot, whatever their signs: in the sum the two can cancel."""
    parts = replace(atoms, by_node=np.abs(atoms.by_node), edges={n: replace(e, adds=np.abs(e.adds)) for n, e in atoms.edges.items()})
    return _assets(parts, snapshot)


def _pairs(atoms: Atoms) -> dict[tuple[str, int, int, int], float]:
    """What each pair adds in each layer and snapshot."""
    out: dict[tuple[str, int, int, int], float] = {}
    for layer, edges in atoms.edges.items():
        for k, i, j, adds in zip(edges.session, edges.receiver, edges.sender, edges.adds, strict=True):
            key = (layer, int(k), int(min(i, j)), int(max(i, j)))
            out[key] = out.get(key, 0.0) + float(adds)
    return out


def oracle(market: Market, read: Read) -> Atoms:
    """The explanation of the network that needs no training: it counts the planted edges, through the same gates and the same path as any other."""
    architecture = MODEL.model_copy(update={"encoder": "gcn"}).architecture((TARGET,), ())
    first = len(read.features.dates) - SEQUENCE
    rows = np.arange(first, first + SEQUENCE)
    raw = inputs.market(read.features, read.graphs, rows, MODEL.inputs, LAYERS, np.zeros((SEQUENCE, 0), np.float32))
    past = market.features.values[: TRAINED * SEQUENCE]
    mean, scale = (np.append(of, [usual] * 2).astype(np.float32) for of, usual in ((past.mean(axis=(0, 1)), 0), (past.std(axis=(0, 1)), 1)))
    name, one = f"{LAYERS[TRUE_LAYER]}.0", torch.eye(ASSETS, dtype=torch.float64)
    weights = {name: one[None], f"{name}.bias": torch.zeros(1, ASSETS, dtype=torch.float64)}

    def score(block: Block, send: Send) -> torch.Tensor:
        messages = send(architecture, weights, name, one.expand(1, SEQUENCE, ASSETS, ASSETS), np.arange(SEQUENCE), None)[0, TRUE_SNAPSHOT]
        root = messages.diagonal().sqrt()  # a convolution divides by degrees, and its diagonal tells them
        joined = (messages / (root[:, None] * root)).fill_diagonal_(0)
        stressed = (block.x[TRUE_SNAPSHOT, :, 0] * scale[0] + mean[0] - 0.75).clamp(0, 1)
        return stressed @ joined @ stressed / 2

    return layered(raw.standardised(mean, scale), LAYERS, score, About(read, rows, np.ones(ASSETS, bool), MODEL.inputs, (), mean[:2]))


def measured(seed: int, strength: float, shown: int = SHOWN) -> dict[str, float]:
    """Means over the explained samples of one market: recall, curves, agreement of two seeds, the largest gap; and how well the network ranks."""
    market = Market.of(seed, strength)
    fitted, other = market.fitted((seed, seed + 1000))
    rows: list[dict[str, float]] = []
    for end in market.shown(shown):
        read = Read.of((market.panel, market.features, market.graphs), end, 0, market.fold.cutoff)
        atoms, again = attribute(fitted, read), attribute(other, read)
        score = score_day(fitted, market.features, market.graphs, end).score[0, 0]
        curves = {f"deletion{' inserted' * insert}": deletion(atoms, insert=insert, cuts=CURVE) for insert in (False, True)}
        true = recall(market, oracle(market, read), end) if strength else {}
        rows.append(recall(market, atoms, end) | {f"oracle {name}": share for name, share in true.items()}
                    | {name: each.advantage for name, each in curves.items() if each}
                    | {"gap": abs(score - atoms.reference - atoms.total), "seeds": agreement([atoms.by_asset, again.by_asset]) or 0.0})  # fmt: skip
    means = {name: float(np.mean([row[name] for row in rows if name in row])) for name in rows[0]}
    return means | market.ranks(fitted) | {"share": market.share, "gap": max(row["gap"] for row in rows), "samples": len(rows)}


def summary(runs: dict[str, dict[str, float]], strength: float) -> dict[str, tuple[float, float, float]]:
    """Means over the markets of one strength with their 90 % intervals, and truth less decoy."""
    of = [run for key, run in runs.items() if key.split("/")[1] == str(strength)]
    found = {name: interval([run[name] for run in of]) for name in of[0] if name not in ("gap", "samples")}
    pairs = ("assets", "assets net", "edges", "layer", "snapshot")
    return found | {f"{name} less decoy": interval([run[name] - run[f"{name} decoy"] for run in of]) for name in pairs}


def holds(runs: dict[str, dict[str, float]]) -> list[str]:
    """What is not proved."""
    planted, none = (summary(runs, strength) for strength in STRENGTHS)
    wanted = {"assets": 0.8, "assets net": 0.8, "layer": 0.8, "edges": 0.6}
    failed = [f"{name} {planted[name][0]:.2f} < {least}" for name, least in wanted.items() if planted[name][0] < least]
    failed += [f"oracle: {name} {planted[f'oracle {name}'][0]:.2f} < {ORACLE}" for name in wanted if planted[f"oracle {name}"][0] < ORACLE]
    failed += [f"{name}: no better than random orders" for name in ("deletion", "deletion inserted") if planted[name][1] <= 0]
    failed += [f"strength 0: {name} above chance" for name in wanted if none[f"{name} less decoy"][1] > 0]
    failed += [f"{key}: gap {run['gap']:.1e}" for key, run in runs.items() if run["gap"] > 1e-3]
    return failed


def stamp() -> dict[str, str]:
    """Short hashes of the settings, and of the code that fits and explains."""
    settings = [MODEL.model_dump(mode="json"), STRENGTHS, ASSETS, GROUP, SEQUENCE, TRAINED, TESTED, SHARE, SHOWN, LEAST_EDGES, WIDTH]
    sources = [Path(__file__), *(ROOT / "src/riskradar/attribution").glob("*.py"), *(ROOT / "src/riskradar/models/srr").rglob("*.py")]
    texts = {"config": [json.dumps(settings, sort_keys=True)], "code": [path.read_text("utf-8") for path in sorted(sources)]}
    return {name: hashlib.sha256("".join(of).encode()).hexdigest()[:16] for name, of in texts.items()}


def main(count: int) -> None:
    """Run what is missing, write after each market, judge at the end."""
    print(f"{count} markets with planted drivers and {count} without; budget: {BUDGET}")
    about = stamp()
    kept = json.loads(OUT.read_text()) if OUT.exists() else {}
    runs = kept["runs"] if kept.get("config") == about["config"] else {}
    start, found = time.process_time(), {}
    for seed in range(count):
        for strength in STRENGTHS:
            if (key := f"{seed}/{strength}") not in runs:
                runs[key] = measured(seed, strength)
        found = {str(strength): summary(runs, strength) for strength in STRENGTHS} if len(runs) > len(STRENGTHS) else {}
        OUT.parent.mkdir(exist_ok=True)
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
        OUT.write_text(json.dumps(about | {"date": f"{datetime.now(UTC):%Y-%m-%d}", "commit": commit, "summary": found, "runs": runs}))
    for strength, of in found.items():
        print(f"strength {strength}: " + "; ".join(f"{name} {mean:+.3f} [{low:+.3f}, {high:+.3f}]" for name, (mean, low, high) in of.items()))
    failed = holds(runs)
    written = json.dumps(about | {"seeds": len(runs) // len(STRENGTHS), "missed": failed, "strengths": found}, indent=1)
    RESULTS.write_text(re.sub(r"\[\s+([^\[\]]*?)\s+\]", lambda listed: f"[{' '.join(listed[1].split())}]", written) + "\n")
    print(f"{time.process_time() - start:.0f} CPU s; {'; '.join(failed) or 'proved'}")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT)
