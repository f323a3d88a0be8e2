"""A few generated requests for every operation, with all checks; prove/serve.py sends a thousand each."""

import subprocess
import sys
from pathlib import Path

FUZZ = Path(sys.executable).with_name("schemathesis")
KNOWN = Path(__file__).with_name("fuzz.toml")


def test_generated_requests_get_described_answers(port: int, tmp_path: Path) -> None:
    options = ("--max-examples", "4", "--seed", "1", "--checks", "all", "--phases", "examples,fuzzing", "--no-color", "--max-response-time", "20")
    command = [str(FUZZ), "--config-file", str(KNOWN), "run", f"http://127.0.0.1:{port}/v1/openapi.json", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "23 passed" in done.stdout, done.stdout
