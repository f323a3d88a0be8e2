"""Forecasts and labels in, one honest report out."""

from riskradar.evaluate.compare import EvaluateConfig, run
from riskradar.evaluate.indicators import measures_as_scores
from riskradar.evaluate.report import Report, Score

__all__ = ["EvaluateConfig", "Report", "Score", "measures_as_scores", "run"]
