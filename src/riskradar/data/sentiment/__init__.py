"""From headlines to numbers: whom each is about, and its tone."""

from riskradar.data.sentiment.daily import Headline, SentimentConfig, daily
from riskradar.data.sentiment.names import Names
from riskradar.data.sentiment.tone import SCORERS, Scorer, finbert, vader

__all__ = ["SCORERS", "Headline", "Names", "Scorer", "SentimentConfig", "daily", "finbert", "vader"]
