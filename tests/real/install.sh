#!/bin/sh
# Install the real servers that the end-to-end tests use, where this machine allows it: Debian, as root.
missing=""
[ -x /usr/bin/prometheus ] || missing="$missing prometheus"
[ -x /usr/bin/prometheus-alertmanager ] || missing="$missing prometheus-alertmanager"
[ -x "$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -n 1)" ] || missing="$missing postgresql"
# One test fails single writes of the store by a small C library.
command -v cc >/dev/null || missing="$missing gcc libc6-dev"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "These real servers are missing; the tests that need them are skipped. On Debian: sudo apt-get install$missing"
  exit 0
fi
echo "installing$missing"
apt-get update -qq >/dev/null
# No init system may start them: the tests run their own, on their own ports.
DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 || {
  echo "apt-get install$missing failed" >&2
  [ "${CI:-}" != true ] || exit 1
}
