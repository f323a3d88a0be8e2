"""Where prices, membership, sectors, macro and sentiment come from."""

from __future__ import annotations

from riskradar.data.assemble import assemble
from riskradar.data.config import DataConfig
from riskradar.data.intake import Intake
from riskradar.data.raw import Raw
from riskradar.data.read import read, read_frame
from riskradar.tables.panel import Panel

__all__ = ["DataConfig", "Intake", "Raw", "assemble", "load", "read", "read_frame"]


def load(config: DataConfig) -> tuple[Panel, Intake]:
    """The panel that the configuration names, and an account of every cell: `assemble(read(config), config)`."""
    return assemble(read(config), config)
