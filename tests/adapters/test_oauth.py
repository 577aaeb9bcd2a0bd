"""The contract under OAuth, and what each tool's way of giving tokens asks of its adapter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.adapters.jira.test_contract import JiraDriver

from tieline.adapters.jira.adapter import JiraAdapter
from tieline.adapters.jira.settings import DataCenterSettings, JiraSettings
from tieline.adapters.jira.simulator import JiraSimulator
from tieline.adapters.pagerduty.adapter import PagerDuty
from tieline.adapters.pagerduty.settings import SCOPES, PagerDutySettings
from tieline.adapters.pagerduty.simulated.driver import PagerDutyDriver
from tieline.adapters.servicenow.adapter import ServiceNow
from tieline.adapters.servicenow.settings import ServiceNowSettings
from tieline.adapters.servicenow.simulated.driver import ServiceNowDriver
from tieline.adapters.testing.contract import AdapterContract
from tieline.adapters.testing.driver import MISSING
from tieline.adapters.testing.simulation import requests_transport
from tieline.adapters.testing.tokens import Client, TokenDesk
from tieline.core.errors import NeedsOperator
from tieline.core.model import ConnectionName
from tieline.core.secrets import Secret

CLIENT = "a-client-of-oauth"
SECRET = "client-secret-of-oauth/7Q2kd0"
WRONG = "client-secret-that-is-wrong/93f"
CLOUD_ID = "11223344-a1b2-3b33-c444-def123456789"


def oauth(secret: str = SECRET, **more: Any) -> dict[str, Any]:
    return {"client_id": CLIENT, "client_secret": Secret.literal(secret), **more}


class ServiceNowByClient(ServiceNowDriver):
    """Client credentials, in the name of the integration user."""

    def __init__(self) -> None:
        super().__init__()
        self.desk: TokenDesk = self.simulator.access.desk
        self.desk.clients[CLIENT] = Client(SECRET, "tieline")
        self.secrets = (*self.secrets, SECRET)

    def connect(self, **changed: Any) -> ServiceNow:
        usual = {"password": None, "oauth": oauth(grant="client_credentials")}
        return super().connect(**{**usual, **changed})

    def connect_refused(self) -> ServiceNow:
        self.secrets = (*self.secrets, WRONG)
        return self.connect(oauth=oauth(WRONG, grant="client_credentials"))


class ServiceNowByRefreshToken(ServiceNowByClient):
    """A refresh token that stays the same, as an instance usually has it."""

    def connect(self, **changed: Any) -> ServiceNow:
        self.desk.refresh_tokens["refresh-token-of-oauth-1"] = "tieline"
        kept = Secret.literal("refresh-token-of-oauth-1")
        return super().connect(**{"oauth": oauth(grant="refresh_token", refresh_token=kept), **changed})


class JiraByServiceAccount(JiraDriver):
    """A service account's client, at the gateway."""

    simulator: JiraSimulator

    def __init__(self) -> None:
        super().__init__()
        self.desk: TokenDesk = self.simulator.desk
        self.desk.clients[CLIENT] = Client(SECRET, "bot")
        self.secrets = (SECRET,)

    def connect(self) -> JiraAdapter:
        return self.by(oauth())

    def connect_refused(self) -> JiraAdapter:
        return self.by(oauth(WRONG))

    def connect_unproved(self) -> JiraAdapter:
        return self.by(oauth(), MISSING)

    def by(self, proof: dict[str, Any], webhook_secret: Secret | None = None) -> JiraAdapter:
        settings = JiraSettings.model_validate(
            {
                "url": f"https://api.atlassian.com/ex/jira/{CLOUD_ID}",
                "project": self.project,
                "oauth": proof,
                "webhook_secret": webhook_secret or Secret.literal(self.site.webhooks.secret),
                "transition_fields": {"resolution": {"name": "Done"}},
                "page_size": self.page_size,
            }
        )
        return JiraAdapter(ConnectionName("jira-ops"), settings, self.workbench(requests_transport(self.simulator)))


class JiraByConsent(JiraByServiceAccount):
    """3LO: each refresh token is good once."""

    kept = Secret.literal("")

    def connect(self) -> JiraAdapter:
        self.desk.refresh_tokens["refresh-token-of-oauth-1"] = "bot"
        return self.by(oauth(refresh_token=Secret.literal("refresh-token-of-oauth-1")))


class PagerDutyByScopes(PagerDutyDriver):
    """Scoped OAuth."""

    def __init__(self) -> None:
        super().__init__()
        self.desk: TokenDesk = self.simulator.desk
        self.desk.clients[CLIENT] = Client(SECRET, "app", frozenset({"as_account-eu.acme", *SCOPES}))
        self.secrets = (*self.secrets, SECRET, WRONG)

    def connect(self, **changes: Any) -> PagerDuty:
        proof = oauth(region="eu", subdomain="acme")
        usual = {"api_key": None, "url": "https://api.eu.pagerduty.com", "oauth": proof}
        return super().connect(**{**usual, **changes})

    def connect_refused(self) -> PagerDuty:
        return self.connect(oauth=oauth(WRONG, region="eu", subdomain="acme"))


class TestServiceNowByClient(AdapterContract):
    driver = ServiceNowByClient


class TestServiceNowByRefreshToken(AdapterContract):
    driver = ServiceNowByRefreshToken


class TestJiraByServiceAccount(AdapterContract):
    driver = JiraByServiceAccount


class TestJiraByConsent(AdapterContract):
    driver = JiraByConsent


class TestPagerDutyByScopes(AdapterContract):
    driver = PagerDutyByScopes


DRIVERS = [ServiceNowByClient, ServiceNowByRefreshToken, JiraByServiceAccount, JiraByConsent, PagerDutyByScopes]


def bought(driver: Any) -> int:
    return sum("oauth" in path for _method, path in driver.simulator.requests)


@pytest.mark.parametrize("kind", DRIVERS)
def test_a_token_serves_many_calls_and_is_renewed_before_it_ends(kind: Any) -> None:
    driver = kind()
    adapter = driver.connect()
    ref = driver.make("Disk full")
    for _ in range(3):
        adapter.read(ref)
    assert bought(driver) == 1
    driver.advance(min(driver.desk.lifetime, 86_400) - 59)
    adapter.read(ref)
    assert bought(driver) == 2


@pytest.mark.parametrize("kind", DRIVERS)
def test_a_revoked_token_is_renewed_once_and_the_write_is_done_once(kind: Any) -> None:
    driver = kind()
    adapter = driver.connect()
    ref = driver.make("Disk full")
    adapter.read(ref)
    driver.desk.forget()
    driver.simulator.requests.clear()
    adapter.read(ref)
    assert bought(driver) == 1
    driver.desk.lifetime = 0  # every token is over at once
    driver.desk.forget()
    driver.simulator.requests.clear()
    with pytest.raises(NeedsOperator, match="401"):
        adapter.read(ref)
    assert bought(driver) == 1 and len(driver.simulator.requests) == 3


@pytest.mark.parametrize("kind", DRIVERS)
def test_a_refused_client_asks_for_a_person(kind: Any) -> None:
    driver = kind()
    driver.desk.clients.clear()
    with pytest.raises(NeedsOperator, match=r"\(invalid_client\): the tool gives no token") as caught:
        driver.connect().check()
    assert SECRET not in str(caught.value)


def test_jiras_refresh_token_is_kept_in_the_file_that_the_user_names(tmp_path: Path) -> None:
    driver = JiraByConsent()
    driver.desk.refresh_tokens["refresh-token-of-oauth-1"] = "bot"
    file = tmp_path / "token"
    file.write_text("refresh-token-of-oauth-1", encoding="utf-8")
    file.chmod(0o600)
    for _ in range(2):  # a restart
        driver.by(oauth(refresh_token=Secret("file", str(file)))).check()
    assert [*driver.desk.refresh_tokens] == [file.read_text(encoding="utf-8")]
    assert "oauth-1" not in file.read_text(encoding="utf-8")


def test_an_app_that_lacks_a_scope_gets_no_token() -> None:
    driver = PagerDutyByScopes()
    driver.desk.clients[CLIENT] = Client(SECRET, "app", frozenset({"as_account-eu.acme", "incidents.read"}))
    with pytest.raises(NeedsOperator, match="invalid_scope"):
        driver.connect().check()


SNOW = {"url": "https://acme.service-now.com", "username": "tieline"}
JIRA = {"url": f"https://api.atlassian.com/ex/jira/{CLOUD_ID}", "project": "OPS"}
PAGER = {"from_email": "a@example.org", "service": "PIJ90N7"}


@pytest.mark.parametrize(
    ("model", "given", "words"),
    [
        (ServiceNowSettings, {**SNOW}, "`password` is missing"),
        (ServiceNowSettings, {**SNOW, "oauth": oauth()}, "`password` is missing"),
        (ServiceNowSettings, {**SNOW, "oauth": oauth(grant="refresh_token")}, "goes with"),
        (
            ServiceNowSettings,
            {**SNOW, "oauth": oauth(grant="refresh_token", refresh_token=Secret("env", "X"))},
            "it is replaced there",
        ),
        (
            ServiceNowSettings,
            {**SNOW, "password": Secret("env", "X"), "oauth": oauth(grant="client_credentials")},
            "not used with this grant",
        ),
        (JiraSettings, {**JIRA}, "give either"),
        (JiraSettings, {**JIRA, "pat": Secret("env", "X"), "oauth": oauth()}, "give either"),
        (
            JiraSettings,
            {**JIRA, "url": "https://acme.atlassian.net", "oauth": oauth()},
            "https://api.atlassian.com/ex/jira",
        ),
        (JiraSettings, {**JIRA, "oauth": oauth(refresh_token=Secret("env", "X"))}, "it is replaced there"),
        (JiraSettings, {**JIRA, "oauth": oauth(token_url="http://auth.example/t")}, "in the open"),
        (DataCenterSettings, {**JIRA, "oauth": oauth()}, "is Cloud's"),
        (PagerDutySettings, {**PAGER}, "give either `api_key` or `oauth`"),
        (PagerDutySettings, {**PAGER, "oauth": oauth(region="eu", subdomain="acme")}, "another region"),
        (PagerDutySettings, {**PAGER, "oauth": oauth(subdomain="acme", scopes=["all"])}, "write scopes like"),
    ],
)
def test_settings_that_prove_nothing_or_two_things_are_refused(model: Any, given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        model.model_validate(given)
