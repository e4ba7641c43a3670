#!/usr/bin/env bash
# Installs mitmproxy into an environment of its own: what it needs goes with nothing that Airflow needs.
set -euo pipefail
cd "$(dirname "$0")/../.."

environment=.cache/mitmproxy
wanted=tests/proxy/requirements.txt
installed="$environment/installed.txt"

cmp --silent "$wanted" "$installed" && exit 0
echo "Installing mitmproxy into $environment ..."
rm -rf "$environment"
.venv/bin/uv venv --quiet --python .venv/bin/python "$environment"
.venv/bin/uv pip install --quiet --python "$environment/bin/python" --requirement "$wanted"
cp "$wanted" "$installed"
