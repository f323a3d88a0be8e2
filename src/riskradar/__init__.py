"""Systemic Risk Radar: how fragile is the market, why, and how far can that number be trusted.

Every verb of the command line is a function here: `rr.run`, `rr.show`, `rr.compare`, `rr.audit`, `rr.report`, `rr.explain`, `rr.stress`,
`rr.init`, `rr.train`, `rr.update`, `rr.now`, `rr.replay`, `rr.alerts`, `rr.doctor`; what `explain --show` shows is `rr.importance`, `rr.pathways` and
`rr.profile`.
"""

from typing import Any

__version__ = "0.1.0"
__all__ = [
    "__version__", "alerts", "audit", "compare", "doctor", "explain", "importance", "init", "now", "pathways", "profile", "replay", "report", "run",
    "show", "stress", "train", "update",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in __all__:
        from riskradar import api

        return getattr(api, name)
    raise AttributeError(f"module 'riskradar' has no attribute {name!r}")
