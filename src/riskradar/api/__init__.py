"""One verb, one library call of the same name: what the command line does, from Python."""

from riskradar.api.live import alerts, alerts_backtest, data_calendar, data_export, data_import, init, now, replay, train, update
from riskradar.api.runs import (
    HOME,
    UNFINISHED,
    audit,
    compare,
    describe,
    doctor,
    explain,
    full_protocol,
    importance,
    mcp,
    pathways,
    profile,
    report,
    run,
    serve,
    show,
    stress,
)

__all__ = [
    "HOME", "UNFINISHED", "alerts", "alerts_backtest", "audit", "compare", "data_calendar", "data_export", "data_import", "describe",
    "doctor", "explain", "full_protocol", "importance", "init", "mcp", "now", "pathways", "profile", "replay", "report", "run", "serve", "show",
    "stress", "train", "update",
]  # fmt: skip
