"""The words of the table, printed beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from riskradar.evaluate.alarms import AIM, CALM_DAYS, GAP, LEAST_HELD
from riskradar.evaluate.events import calm_target, scored_target
from riskradar.evaluate.report import Definition
from riskradar.evaluate.scorecard import BEFORE_CROSSING, DISQUALIFYING_RATE, LEAD_SESSIONS, SHIFTS
from riskradar.evaluate.scores import CLIMATOLOGY_DAYS, LOG_FLOOR
from riskradar.tables import Labels

if TYPE_CHECKING:
    from riskradar.evaluate.compare import EvaluateConfig

WORDS = {
    "target": "20/5 is a fall of at least 5 % from a high inside the next 20 sessions, on closes of the system index.",
    "ONSET day": "The index stands less than 5 % below its highest close of 252 sessions, so that a new fall can begin.",
    "event": "An independent fall of the target's depth from a 252-session high, dated by its peak; a new one only after a new high.",
    "shared dates": "Sessions on which every model of the table has a score and the outcome is known; all models are compared on them.",
    "AUROC": "Chance that a day before a fall scores above a day without one, ties counting half. "
    "Undefined for one class, for a constant score, and for a target with fewer than {min_events} events.",
    "AUROC within blocks": "Mean AUROC inside three-year blocks that hold both classes: no credit for telling eras apart.",
    "AUPRC lift": "Average precision divided by the base rate; 1 is chance.",
    "skill": "One minus the loss over that of an expanding climatology: (positives + 1) / (labels + 2) of all sessions, ONSET or not, "
    "whose outcome was known by then, at least {climatology_days}; on the sessions for which every model that gives "
    "probabilities has one. Log loss treats a probability as no nearer to 0 or 1 than {log_floor:g}.",
    "calibration error": "Mean distance between probability and frequency over fixed bins, weighted by days.",
    "interval": "{level:g} % interval of {draws} stationary-bootstrap draws of calendar sessions, mean block {block}; "
    "ONSET is applied after drawing; the same draws serve every model, target and metric.",
    "event range": "Lowest and highest value when each event is left out in turn, from {longest} sessions before its peak to its recovery.",
    "shown": "A difference counts as shown only when its interval and its event range both lie above 0.",
    "headline": "Mean paired difference of ONSET AUROC over 20/5, 20/10 and 60/10 (those with enough events). All else is exploratory.",
    "real-time threshold": "A quantile of the score on past ONSET days that proved calm ({calm} did not happen), known by then, at least "
    "{calm_days}; each such day moves the quantile so that {aim:g} % of them tend to be in alarm, whatever the score does.",
    "alarm": "Begins on an ONSET day at the threshold; ends after {held} ONSET days or more below a quantile lower by {gap:g} points. "
    "A day on which 5 % are lost already is no warning and cannot be in alarm.",
    "event figures": "Alarms of the {scored} score against falls of {depth:g} %. Lead and recall are counted to "
    "the peak, in the {lead} sessions before it; the share still ahead counts alarms up to the trough, and a missed event as 0.",
    "before -5 %": "Falls with an alarm from {crossing} sessions before the peak to the last close before 5 % were lost. Every score that rises when "
    "prices fall does well here: it confirms a fall that has begun, and foresees nothing.",
    "pullback": "AUROC, among first closes 1, 2 or 3 % below a 252-session high, for those that reached 5 or 10 % before a new high. "
    "All have fallen nearly alike; what following prices alone gives is the figure of the trend row (a close overshoots its mark).",
    "null": "The same alarms shifted in a circle among the ONSET days, {shifts} times; p is the share of shifts with at least the same recall.",
    "false alarm": "The first session of an alarm after which {calm} did not happen.",
    "disqualified": "More than {disqualifying:g} % of calm ONSET days were in alarm: the event figures are bought with alarms.",
    "usefulness": "On ONSET days: gain over the best constant policy, by preference between missed falls and false alarms (Alessi-Detken; Sarlin).",
}


def definitions(config: EvaluateConfig, labels: Labels) -> tuple[Definition, ...]:
    """What every term of the report means under this configuration."""
    longest, scored = max(t.horizon for t in labels.targets if t.binary), scored_target(labels)
    values = {
        "min_events": config.min_events, "climatology_days": CLIMATOLOGY_DAYS, "log_floor": LOG_FLOOR, "level": 100 * config.level,
        "draws": config.draws, "block": max(config.mean_block, longest), "longest": longest,
        "aim": 100 * AIM * config.false_alarm_rate, "held": LEAST_HELD, "gap": 100 * GAP, "crossing": BEFORE_CROSSING,
        "calm": calm_target(labels, scored).name, "calm_days": CALM_DAYS, "scored": scored.name, "depth": 100 * scored.depth,
        "lead": LEAD_SESSIONS, "shifts": SHIFTS, "disqualifying": 100 * DISQUALIFYING_RATE,
    }  # fmt: skip
    return tuple(Definition(term, text.format(**values)) for term, text in WORDS.items())
