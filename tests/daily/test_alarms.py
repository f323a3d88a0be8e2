"""An alarm is told once, to everybody, however often the evening is run; a backfill tells nothing; silence is told too."""

from datetime import timedelta

import pytest

from riskradar import alert, api
from riskradar.daily import update
from riskradar.errors import UsageError
from tests.daily.workspace import SESSIONS, TRAINED


def alerts(place, moment, **more):
    return api.alerts(file=place.file, now=moment, **more)


def until(place, t):
    """The workspace on the day before session t, everything scored."""
    place.add(TRAINED, t)
    place.update(t - 1)


def test_a_crossing_is_told_once(place, crossing, receiver):
    until(place, crossing)
    told = list(receiver.keys)  # an alarm that stood already, if any
    place.add(crossing, crossing + 1)
    assert [row["state"] for row in place.update(crossing).changed] == ["firing"]
    key = f"20/5/{place.dates[crossing]}/ewma-vol/firing"
    assert receiver.keys == [*told, key]
    place.update(crossing)
    alerts(place, place.evening(crossing) + timedelta(hours=1), send=True)
    assert receiver.keys == [*told, key]
    assert receiver.bodies[-1]["text"].startswith("ewma-vol 20/5: alarm since")
    state = alerts(place, place.evening(crossing))
    assert (state["firing"], state["waiting"]) == (["20/5"], [])


def test_a_receiver_that_is_down_for_a_day_gets_everything_afterwards(place, crossing, receiver):
    until(place, crossing)
    receiver.keys.clear()
    receiver.down = True
    place.add(crossing, crossing + 1)
    place.update(crossing)
    start = place.evening(crossing)
    for minutes in range(0, 24 * 60, 60):
        alerts(place, start + timedelta(minutes=minutes), send=True)
    waiting = alerts(place, start)["waiting"]
    assert receiver.keys == []
    assert waiting[0]["key"].endswith("firing")
    assert waiting[0]["tries"] > 20
    receiver.down = False
    alerts(place, start + timedelta(days=1, hours=1), send=True)
    assert sorted(receiver.keys) == sorted(row["key"] for row in waiting)
    assert not alerts(place, start)["waiting"]


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # by what apprise imports
def test_apprise_delivers_too(place, crossing, receiver, monkeypatch):
    monkeypatch.setenv(alert.URLS, receiver.url.replace("http://", "json://"))
    until(place, crossing)
    receiver.bodies.clear()
    place.add(crossing, crossing + 1)
    assert place.update(crossing).delivered == 1
    assert f"20/5/{place.dates[crossing]}/ewma-vol/firing" in receiver.bodies[0]["message"]


def test_two_evenings_at_once_score_a_session_and_tell_of_it_once(place, crossing, receiver, monkeypatch):
    until(place, crossing)
    receiver.keys.clear()
    place.add(crossing, crossing + 1)
    real, others = update.rows, []

    def meanwhile(*arguments):
        monkeypatch.setattr(update, "rows", real)
        others.append(place.update(crossing))
        return real(*arguments)

    monkeypatch.setattr(update, "rows", meanwhile)
    assert place.update(crossing).rows == ()
    assert len(others[0].rows) == 2
    assert len(receiver.keys) == 1


def test_a_backfill_tells_nothing(place, receiver):
    place.add(TRAINED, SESSIONS)
    found = place.at(place.evening(SESSIONS - 1) + timedelta(days=30))
    assert any(row["state"] == "firing" for row in found.changed)
    assert {row["late"] for row in found.rows} == {True}
    assert receiver.keys == []
    assert not alerts(place, place.evening(SESSIONS - 1))["waiting"]


def test_a_silence_holds_messages_back_and_what_still_stands_is_told_afterwards(place, crossing, receiver):
    until(place, crossing)
    receiver.keys.clear()
    evening = place.evening(crossing)
    alerts(place, evening - timedelta(hours=1), silence=evening + timedelta(hours=1), note="on holiday")
    place.add(crossing, crossing + 1)
    assert place.update(crossing).changed
    assert receiver.keys == []
    place.add(crossing + 1, crossing + 2)
    place.update(crossing + 1)
    assert receiver.keys == [f"20/5/{place.dates[crossing]}/ewma-vol/firing"]
    with pytest.raises(UsageError, match="has passed"):
        alerts(place, evening, silence=evening)


def test_an_alarm_is_acknowledged_with_a_note_while_it_stands(place, crossing):
    until(place, crossing)
    place.add(crossing, crossing + 1)
    place.update(crossing)
    moment = place.evening(crossing)
    last = alerts(place, moment)["log"][-1]
    after = alerts(place, moment, ack=last["id"], note="seen by the desk")
    assert (after["log"][-1]["state"], after["log"][-1]["note"]) == ("acknowledged", "seen by the desk")
    assert after["firing"] == ["20/5"]
    assert api.now(file=place.file, moment=moment)["alerts"][0]["note"] == "seen by the desk"
    for number in (after["log"][-1]["id"], 999):
        with pytest.raises(UsageError, match="no alarm that stands"):
            alerts(place, moment, ack=number)


def test_a_score_that_did_not_come_is_an_alarm_once(place, receiver):
    place.update(TRAINED - 1)
    receiver.keys.clear()
    evening = place.evening(TRAINED - 1)
    alerts(place, evening, send=True)
    assert receiver.keys == []
    for minutes in (0, 5):
        alerts(place, evening + timedelta(days=4, minutes=minutes), send=True)
    assert [key.split("/")[0] for key in receiver.keys] == ["no-score"]


def test_the_backtest_says_what_the_rule_would_have_done_beside_the_shifted_alarms(trained):
    found = api.alerts_backtest(file=trained.file, home=trained.home)
    assert found["model"] == "ewma-vol"
    assert found["alarms"]
    assert all(span["end"] == "" or span["start"] < span["end"] for span in found["alarms"])
    assert {"recall", "null_recall", "realised_rate", "nominal_rate"} <= set(found["figures"])
    with pytest.raises(UsageError, match="no row 'radar'"):
        api.alerts_backtest(file=trained.file, home=trained.home, model="radar")
