"""`tieline restrict` and `tieline unrestrict`: who may know of an incident."""

from __future__ import annotations

from tieline.cli.acts import command
from tieline.cli.decide import do_without_tools
from tieline.sync.office.own import OWN

restrict = command(OWN["restrict"], do_without_tools)
unrestrict = command(OWN["unrestrict"], do_without_tools)
