"""The numbers that a system-level model reads on a day: context features, and node features averaged over the members."""

import numpy as np

from riskradar.errors import UsageError
from riskradar.features import over_members
from riskradar.models.calibration import LEAST
from riskradar.registry import near
from riskradar.tables import SYSTEM, Features, Graphs, Labels
from riskradar.tables.arrays import Bool, Float


def missing(features: Features, names: tuple[str, ...]) -> str:
    """Why `names` cannot be read, or an empty string."""
    built = {*features.context_names, *(f"mean:{name}" for name in features.names)}
    lacking = [n for n in names if n not in built]
    absent = features.absent | {f"mean:{name}": why for name, why in features.absent.items()}
    unknown = [n for n in lacking if n not in absent]
    if unknown:
        raise UsageError(
            f"a model reads {unknown[0]!r}{near(unknown[0], built)}, which is neither in features.context nor, as mean:NAME, in features.node"
        )
    return "; ".join(sorted({absent[n] for n in lacking}))


def missing_layers(graphs: Graphs, names: tuple[str, ...]) -> str:
    """Why none of the layers `names` can be read, or an empty string when one of them can, or none is asked for."""
    if not names or any(name in graphs.layers for name in names):
        return ""
    return "; ".join(f"no layer {name}: {graphs.absent.get(name, 'layers.names leaves it out')}" for name in names)


def matrix(features: Features, names: tuple[str, ...]) -> Float:
    """[T, len(names)]; `mean:volatility_20` is the mean of a node feature over the members of the day (paper 7.2)."""
    columns = [over_members(features.column(n[5:]), features.member) if n.startswith("mean:") else features.column(n) for n in names]
    return np.stack(columns, axis=1)


def outcomes(labels: Labels) -> Float:
    """Yes-or-no labels of the system, [T, K]; NaN for continuous targets, which have no probability."""
    return np.where([target.binary for target in labels.targets], labels.values[:, labels.units.index(SYSTEM), :], np.nan)


def teachable(y: Float, every: int) -> Bool:
    """Targets with enough labelled days and more than one outcome, [K], from labels [n, K] of every n-th day."""
    known = np.isfinite(y)
    least, most = np.where(known, y, np.inf).min(axis=0, initial=np.inf), np.where(known, y, -np.inf).max(axis=0, initial=-np.inf)
    out: Bool = (known.sum(axis=0) * every >= LEAST) & (least < most)
    return out
