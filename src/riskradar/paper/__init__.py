"""The paper's own experiment by its own rules (sections 3 to 7 and the appendices), beside what it published."""

from riskradar.paper.config import PRESETS, PaperConfig, load
from riskradar.paper.experiment import Replication, run
from riskradar.paper.page import build
from riskradar.paper.store import keep
from riskradar.paper.text import lines

__all__ = ["PRESETS", "PaperConfig", "Replication", "build", "keep", "lines", "load", "run"]
