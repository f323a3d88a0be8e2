"""Systemic Risk Radar: how fragile is the market, why, and how far can that number be trusted.

Every verb of the command line is a function here: `rr.run`, `rr.show`, `rr.compare`, `rr.audit`, `rr.explain`, `rr.report`,
`rr.stress`, `rr.doctor`.
"""

from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "audit", "compare", "doctor", "explain", "report", "run", "show", "stress"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from riskradar import api

        return getattr(api, name)
    raise AttributeError(f"module 'riskradar' has no attribute {name!r}")
