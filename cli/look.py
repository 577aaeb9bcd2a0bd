"""Commands that look. They read the store and work while the daemon is down."""

from __future__ import annotations

from tieline.cli.views import command
from tieline.sync.office.own_views import OWN_VIEWS

overview = command(OWN_VIEWS["overview"])
incident = command(OWN_VIEWS["incident"])
connections = command(OWN_VIEWS["connections"])
incidents = command(OWN_VIEWS["incidents"])
items = command(OWN_VIEWS["items"])
why = command(OWN_VIEWS["why"])
history = command(OWN_VIEWS["history"])
followers = command(OWN_VIEWS["followers"])
timers = command(OWN_VIEWS["timers"])
