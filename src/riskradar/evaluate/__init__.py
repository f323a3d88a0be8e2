"""Forecasts and labels in, one honest report out."""

from riskradar.evaluate.compare import EvaluateConfig, run
from riskradar.evaluate.indicators import measures_as_scores
from riskradar.evaluate.intervals import reality_check
from riskradar.evaluate.outlook import outlook, shown
from riskradar.evaluate.report import Report, Score
from riskradar.evaluate.seal import seal, sealed_day
from riskradar.evaluate.shares import shares

__all__ = ["EvaluateConfig", "Report", "Score", "measures_as_scores", "outlook", "reality_check", "run", "seal", "sealed_day", "shares", "shown"]
