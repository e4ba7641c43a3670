#!/usr/bin/env bash
# Installs what tests/cluster needs of the operating system, unless it is there. Starts no server, creates no database.
set -euo pipefail

present() {
  command -v redis-server >/dev/null && { command -v initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb'; } >/dev/null
}

present && exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "make test-cluster needs the servers of PostgreSQL and Redis. Install them, on Debian and Ubuntu by" >&2
  echo "  sudo apt-get install --no-install-recommends postgresql redis-server" >&2
  exit 1
fi

# Debian starts what it installs, unless policy-rc.d says no, and gives PostgreSQL a first cluster, unless told not to.
policy=/usr/sbin/policy-rc.d
no_cluster=/etc/postgresql-common/createcluster.d/keywatch.conf
restore() {
  rm -f "$policy" "$no_cluster"
  if [ -e "$policy.keywatch" ]; then mv "$policy.keywatch" "$policy"; fi
}
trap restore EXIT
if [ -e "$policy" ]; then mv "$policy" "$policy.keywatch"; fi
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod +x "$policy"
mkdir -p "$(dirname "$no_cluster")"
echo 'create_main_cluster = false' >"$no_cluster"

echo "Installing the servers of PostgreSQL and Redis ..."
export DEBIAN_FRONTEND=noninteractive
{ apt-get update && apt-get install --yes --no-install-recommends postgresql redis-server; } >/tmp/keywatch-apt.log 2>&1 ||
  { tail -n 20 /tmp/keywatch-apt.log >&2; exit 1; }
present
