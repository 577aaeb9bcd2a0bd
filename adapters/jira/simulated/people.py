"""The people of a simulated site, and how each deployment shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class User:
    """`hidden`: the e-mail address is left out of answers, as Cloud does by default since its privacy changes. `app`:
    no person at all, but the site's own automation or somebody's product."""

    id: str
    email: str
    name: str
    time_zone: str = "Europe/Berlin"
    hidden: bool = False
    active: bool = True
    app: bool = False

    def shown(self, cloud: bool, base: str) -> dict[str, Any]:
        api = 3 if cloud else 2
        user: dict[str, Any] = (
            {
                "self": f"{base}/rest/api/{api}/user?accountId={self.id}",
                "accountId": self.id,
                "accountType": "app" if self.app else "atlassian",
            }
            if cloud
            else {
                "self": f"{base}/rest/api/{api}/user?username={self.id}",
                "name": self.id,
                "key": f"JIRAUSER-{self.id}",
            }
        )
        user |= {"displayName": self.name, "active": self.active, "timeZone": self.time_zone, "avatarUrls": {}}
        if not self.hidden:
            user["emailAddress"] = self.email
        return user
