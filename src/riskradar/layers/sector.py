"""Sector layer: an edge between members that carry the same sector label on that date (paper 4.2)."""

import numpy as np
from pydantic import BaseModel

from riskradar.tables import Groups, Panel


class SectorConfig(BaseModel, frozen=True, extra="forbid"):
    """The sector layer has no settings."""


def sector(panel: Panel, config: SectorConfig) -> Groups | str:
    """Groups of members by sector, [T, N]; a sentence where no label is known."""
    if not (panel.sector >= 0).any():
        return "no sector labels; give data.sectors"
    return Groups(np.where(panel.member, panel.sector, -1).astype(np.int16))
