"""Messages from the outbox to their receivers: each at least once, with a key by which a receiver shows it once."""

from __future__ import annotations

import json
import logging
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping

from riskradar import alert
from riskradar.alert import AlertsConfig
from riskradar.errors import UsageError
from riskradar.store import Store, database, ledger
from riskradar.store.ledger import FAILED, SENT, TRYING
from riskradar.store.schema import DELIVERIES

PATIENCE = 10  # seconds for a receiver

log = logging.getLogger("riskradar")


def deliver(store: Store, config: AlertsConfig, moment: datetime) -> int:
    """Send what is due at `moment` to the receivers of the configuration; how many messages were confirmed.

    A message is claimed before it is sent, so that two senders do not both send it; a claim that led to nothing lapses. A receiver that fails
    is tried again, later each time, for ever.
    """
    receivers, confirmed = config.receivers(), 0
    with database.transaction(store.engine, writes=False) as connection:
        waiting = [row["id"] for row, _ in ledger.unsent(connection) if row["receiver"] in receivers]
    for number in waiting:
        with database.transaction(store.engine, writes=True) as connection:
            row = next((row for row, tries in ledger.unsent(connection) if row["id"] == number and _due(tries, moment)), None)
            if row is None:
                continue
            _note(connection, number, TRYING, "", moment)
        problem = _sent(receivers[row["receiver"]], json.loads(row["message"]))
        with database.transaction(store.engine, writes=True) as connection:
            _note(connection, number, FAILED if problem else SENT, problem, moment)
        if problem:
            log.warning(f"alert {row['key']} was not delivered ({problem}); it is kept; it is tried again with the next update or alerts --send")
        confirmed += not problem
    return confirmed


def _due(tries: Sequence[RowMapping], moment: datetime) -> bool:
    """Whether nobody is sending it, and its receiver has been left alone long enough."""
    if not tries:
        return True
    last, failures = tries[-1], sum(one["state"] == FAILED for one in tries)
    rest = alert.CLAIM if last["state"] == TRYING else alert.wait(failures)
    return moment >= datetime.fromisoformat(last["moment"]) + rest


def _note(connection: Any, message: int, state: str, reason: str, moment: datetime) -> None:
    ledger.append(connection, DELIVERIES, [{"message": message, "state": state, "reason": reason, "moment": moment.astimezone(UTC).isoformat()}])


def _sent(url: str, message: Mapping[str, Any]) -> str:
    """Why a message was not taken, or an empty string; never the address, which may hold a password."""
    if not url.startswith(("http://", "https://")):
        return _by_apprise(url, message)
    request = urllib.request.Request(  # noqa: S310 - http or https, as seen above
        url, json.dumps(message).encode(), {"Content-Type": "application/json", "Idempotency-Key": message["key"]}
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE):  # noqa: S310
            return ""
    except (OSError, ValueError) as error:
        return type(error).__name__ + (f" {error.code}" if isinstance(error, urllib.error.HTTPError) else "")


def _by_apprise(url: str, message: Mapping[str, Any]) -> str:
    try:
        import apprise
    except ModuleNotFoundError:
        raise UsageError("this receiver needs apprise; the message is kept; pip install 'systemic-risk-radar[alerts]'") from None
    sender = apprise.Apprise()
    if not sender.add(url):
        return "apprise knows no such address"
    taken = sender.notify(title=f"Systemic Risk Radar: {message['state']}", body=f"{message['text']}\n{message['key']}")
    return "" if taken else "apprise could not deliver it"
