"""Evenings that are killed at one seam after the other and then run again: `python -m tests.daily.kills FOLDER SESSION`, one JSON line a seam."""

import json
import os
import signal
import sys
import traceback
from datetime import timedelta
from pathlib import Path

from riskradar import alert
from riskradar.daily import deliver, update
from riskradar.daily import market as markets
from riskradar.store import database, ledger
from tests.daily.workspace import TRAINED, Receiver, Workspace, closes, copied

SEAMS = {  # a call that is never made, or, with True, whose return is never seen
    "before reading": (markets, "read", False), "after scoring": (update, "rows", True), "with the scores written": (ledger, "say", True),
    "with a message in the outbox": (ledger, "post", True), "after the commit": (update, "deliver", False),
    "with the message claimed": (deliver, "_sent", False), "with the message sent": (deliver, "_sent", True),
}  # fmt: skip


def dying(real, after):
    """A call that ends the process."""

    def last(*arguments, **named):
        if after:
            real(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    return last


def evening(place, moment, seam=None):
    """The status of a process of its own that runs an evening, killed at a seam."""
    child = os.fork()
    if not child:
        try:
            if seam:
                owner, name, after = SEAMS[seam]
                setattr(owner, name, dying(getattr(owner, name), after))
            place.at(moment)
            os._exit(0)
        except BaseException:  # noqa: BLE001 - a child that goes on would be a second test
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def said(place):
    """What the ledger and the log of alarms say, without the moments at which they were said."""
    with database.transaction(place.store.engine, writes=False) as connection:
        rows = [{k: v for k, v in row.items() if k not in ("made_at", "hash")} for row in ledger.said(connection)]
        return rows, [(row["rule"], row["date"], row["state"]) for row in ledger.alert_log(connection)], list(ledger.broken(connection))


def main(folder, crossing):
    """Every seam: the kill, the evening again and once more, and what is there at the end beside an evening that nobody killed."""
    receiver = Receiver()
    os.environ[alert.URLS] = receiver.url
    place = Workspace(folder / "riskradar.toml", *closes())
    place.add(TRAINED, crossing)
    place.update(crossing - 1)
    place.add(crossing, crossing + 1)
    whole = copied(place, folder.parent / "whole")
    status = evening(whole, whole.evening(crossing))
    wanted = said(whole)
    for number, seam in enumerate(SEAMS):
        one = copied(place, folder.parent / f"seam-{number}")
        receiver.keys.clear()
        killed = evening(one, one.evening(crossing), seam)
        again = [evening(one, one.evening(crossing) + timedelta(minutes=minutes)) for minutes in (5, 10)]
        row = {"seam": seam, "killed": killed, "again": [status, *again], "equal": said(one) == wanted, "keys": receiver.keys}
        sys.stdout.write(json.dumps(row) + "\n")
    receiver.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
