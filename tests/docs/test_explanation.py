"""What is explained can be looked up: promised tests exist, and so do the dependencies that are spoken of."""

from __future__ import annotations

import re
import tomllib

import pytest
from tests.docs.pages import DOCS, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PAGES = "\n".join((DOCS / f"explanation/{page}.md").read_text("utf-8") for page in ("guarantees", "threats"))
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGES)))


@pytest.mark.parametrize(("file", "name"), NAMED, ids=lambda part: str(part)[-60:])
def test_a_test_that_is_said_to_prove_something_exists(file: str, name: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")

    assert not name or re.search(rf"^ *(def|class) {name}\b", text, re.MULTILINE)


def test_every_dependency_is_explained() -> None:
    page = (DOCS / "explanation" / "dependencies.md").read_text(encoding="utf-8").lower()
    wanted = [*PROJECT["dependencies"]]
    for extra in ("servicenow", "jira", "pagerduty", "prometheus", "postgresql", "keyring"):
        wanted += PROJECT["optional-dependencies"][extra]
    names = {re.split(r"[\[<>=~ ]", one)[0].lower() for one in wanted}

    assert [name for name in sorted(names) if not re.search(rf"\b{re.escape(name)}\b", page)] == []
