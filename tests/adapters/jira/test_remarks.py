"""A comment that a transition asks for goes along with it, and with no other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tieline.adapters.jira.settings import JiraSettings, JsmSettings
from tieline.adapters.jira.simulated.desk import Desk
from tieline.core.errors import Rejected
from tieline.core.port import Ref

SAID = "Moved by Tieline: the alert is over."


def asking(desk: Desk, status: str, project: str = "OPS", **how: Any) -> None:
    """From now on, every transition to a status asks for a comment."""
    place = desk.site.projects[project]
    scheme = place.workflow
    wanted = scheme.named(status).id
    changed = tuple(replace(one, **_asked(one, how)) if one.to == wanted else one for one in scheme.transitions)
    place.own_workflow = replace(scheme, transitions=changed)


def _asked(transition: Any, how: dict[str, Any]) -> dict[str, Any]:
    return (
        {"screen": {**transition.screen, "comment": how["required"]}} if "required" in how else {"asks_for_words": True}
    )


def moved(desk: Desk, status: str, project: str = "OPS", **settings: Any) -> str:
    ref = desk.person_makes("Disk full", project=project)
    adapter = desk.connect(project=project, **settings)
    seen = adapter.read(Ref(ref)).version
    reading = adapter.update(Ref(ref), {"fields": {"status": {"name": status}}}, seen)
    assert reading.body["fields"]["status"]["name"] == status
    return ref


def comments(desk: Desk, ref: str) -> list[Any]:
    return list(desk.person("get", ref)["comments"])


def text(body: Any) -> str:
    return body if isinstance(body, str) else str(body["content"][0]["content"][0]["text"])


@pytest.mark.parametrize("name", ["In Progress", "in progress", "Start work"])
def test_a_validator_that_wants_words_gets_them(desk: Desk, name: str) -> None:
    asking(desk, "In Progress")
    (comment,) = comments(desk, moved(desk, "In Progress", transition_comments={name: SAID}))
    assert text(comment["body"]) == SAID


def test_without_a_comment_the_refusal_is_the_tools_own_sentence(desk: Desk) -> None:
    asking(desk, "In Progress")
    with pytest.raises(Rejected, match="A comment is required for this transition"):
        moved(desk, "In Progress")


@pytest.mark.parametrize("key", ["*", "In Progress"])
def test_a_screen_that_requires_one_gets_it(desk: Desk, key: str) -> None:
    asking(desk, "In Progress", required=True)
    (comment,) = comments(desk, moved(desk, "In Progress", transition_comments={key: SAID}))
    assert text(comment["body"]) == SAID


def test_a_screen_that_requires_one_and_gets_none_says_which_setting(desk: Desk) -> None:
    asking(desk, "In Progress", required=True)
    with pytest.raises(Rejected, match=r"requires Comment \(comment\).*`transition_comments`"):
        moved(desk, "In Progress")


def test_no_other_transition_is_commented(desk: Desk) -> None:
    assert comments(desk, moved(desk, "In Progress", transition_comments={"*": SAID, "Done": SAID})) == []


@pytest.mark.parametrize("cloud", [True, False])
def test_it_is_marked_as_ours_so_that_it_goes_to_no_other_tool(cloud: bool) -> None:
    desk = Desk(cloud=cloud)
    ref = moved(desk, "In Progress", transition_comments={"In Progress": SAID})
    (comment,) = desk.connect().comments(Ref(ref))
    assert comment.ours and comment.token is not None


def test_data_center_gets_plain_text(data_center: Desk) -> None:
    asking(data_center, "In Progress")
    ref = moved(data_center, "In Progress", transition_comments={"In Progress": SAID})
    assert [comment["body"] for comment in comments(data_center, ref)] == [SAID]


def test_customers_of_a_service_project_do_not_read_it(desk: Desk) -> None:
    asking(desk, "Work in progress", "DESK")
    ref = moved(desk, "Work in progress", "DESK", kind=JsmSettings, transition_comments={"Work in progress": SAID})
    (comment,) = comments(desk, ref)
    assert text(comment["body"]) == SAID and comment["jsdPublic"] is False


def test_where_it_would_be_public_or_empty_it_is_refused() -> None:
    given = {"url": "https://a.atlassian.net", "project": "OPS", "pat": {"env": "X"}}
    with pytest.raises(ValueError, match="would be public here; set `internal_role`"):
        JiraSettings.model_validate({**given, "audience": "public", "transition_comments": {"Done": SAID}})
    JiraSettings.model_validate(
        {**given, "audience": "public", "internal_role": "Team", "transition_comments": {"Done": SAID}}
    )
    with pytest.raises(ValueError, match="says nothing"):
        JiraSettings.model_validate({**given, "transition_comments": {"Done": " "}})
