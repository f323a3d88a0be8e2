#!/usr/bin/env bash
# Proof: the built wheel works in an empty venv. Budget: about 3 minutes, most of it installation.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$root/.venv/bin/python" -m build --wheel --no-isolation --outdir "$work" "$root" >/dev/null
"${PYTHON:-python3.11}" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check --constraint "$root/constraints.txt" "$work"/*.whl
cd "$work"
for arguments in --help doctor "run tiny"; do
  # shellcheck disable=SC2086 # "run tiny" is two words
  "$work/venv/bin/riskradar" $arguments >"$work/out" || { cat "$work/out"; echo "wheel: riskradar $arguments failed"; exit 1; }
  echo "wheel: riskradar $arguments works"
done
mkdir -p "$root/proofs"
printf '{"date": "%s", "commit": "%s", "wheel": "%s"}\n' "$(date -u +%F)" "$(git -C "$root" rev-parse HEAD)" "$(basename "$work"/*.whl)" >"$root/proofs/wheel.json"
