"""What the policies of plugins say, and changing that."""

from __future__ import annotations

from tieline.cli.acts import command as act_command
from tieline.cli.decide import do
from tieline.cli.views import command, group
from tieline.sync.office.own import OWN
from tieline.sync.office.own_views import OWN_VIEWS

policy = group(OWN_VIEWS["policy"])
for _name in ("policy show", "policy history", "policy plan", "policy test"):
    policy.add_command(command(OWN_VIEWS[_name]))
for _name in ("policy propose", "policy rollback"):
    policy.add_command(act_command(OWN[_name], do))
