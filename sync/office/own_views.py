"""The views that there are without a plugin."""

from __future__ import annotations

from typing import Final

from tieline.core.access import READ, READ_POLICY
from tieline.core.views import View, Views
from tieline.sync.views import jobs, policies
from tieline.sync.views.connections import connections
from tieline.sync.views.history import history, why
from tieline.sync.views.incident import incident
from tieline.sync.views.incidents import incidents, items
from tieline.sync.views.overview import overview
from tieline.sync.views.proposals import proposals, reviews
from tieline.sync.views.roles import roles
from tieline.sync.views.status import status
from tieline.sync.views.waiting import conflicts, doubts, parked
from tieline.sync.views.work import followers, timers

OWN_VIEWS: Final = Views(
    [
        View("overview", overview, READ),
        View("incident", incident, READ, ("incident",)),
        View("connections", connections, READ),
        View("incidents", incidents, READ, ("incident",)),
        View("items", items, READ, ("kind",)),
        View("why", why, READ, ("incident", "field")),
        View("history", history, READ, ("incident",)),
        View("conflicts", conflicts, READ),
        View("parked", parked, READ),
        View("doubts", doubts, READ),
        View("proposals", proposals, READ),
        View("reviews", reviews, READ),
        View("followers", followers, READ),
        View("timers", timers, READ),
        View("jobs", jobs.jobs, READ),
        View("jobs show", jobs.show, READ, ("job",)),
        View("jobs result", jobs.result, READ, ("job",)),
        View("status", status, READ),
        View("policy", policies.listed, READ_POLICY),
        View("policy show", policies.show, READ_POLICY, ("policy",)),
        View("policy history", policies.history, READ_POLICY, ("policy",)),
        View("policy plan", policies.plan, READ_POLICY, ("policy", "document")),
        View("access list", roles, "access.read"),
    ]
)
