#!/usr/bin/env bash
# Installs a Chromium for tests/browser, unless there is one.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=.venv/bin

"$bin/python" -m tests.browser.chromium >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing Chromium ..."
  export DEBIAN_FRONTEND=noninteractive
  log=$(mktemp)
  { apt-get update && apt-get install --yes --no-install-recommends chromium fonts-dejavu-core; } >"$log" 2>&1 ||
    { tail -n 20 "$log" >&2; rm -f "$log"; exit 1; }
  rm -f "$log"
else
  "$bin/playwright" install chromium
fi
