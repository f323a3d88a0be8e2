"""An evening that was killed anywhere is whole after the next one; the crossing is told, and told under one key."""

import json
import subprocess
import sys
from pathlib import Path

from tests.daily.kills import SEAMS
from tests.daily.workspace import copied

ROOT = Path(__file__).parent.parent.parent


def test_an_evening_that_is_killed_is_whole_after_the_next(trained, crossing, tmp_path):
    place = copied(trained, tmp_path / "place")
    command = [sys.executable, "-m", "tests.daily.kills", str(place.file.parent), str(crossing)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found = {row["seam"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert set(found) == set(SEAMS)
    for seam, row in found.items():
        assert (row["killed"], row["again"], row["equal"]) == (-9, [0, 0, 0], True), (seam, row, done.stderr)
        assert len(set(row["keys"])) == 1, (seam, row["keys"])
        assert len(row["keys"]) == (2 if seam == "with the message sent" else 1), (seam, row["keys"])
