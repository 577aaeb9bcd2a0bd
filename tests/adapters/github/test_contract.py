"""GitHub Issues keeps the contract."""

from __future__ import annotations

from tieline.adapters.github.driver import GithubDriver
from tieline.adapters.testing.contract import AdapterContract


class TestGithub(AdapterContract):
    tool_kind = "github"
    against = "a simulator, written after the vendor's documentation"
    driver = GithubDriver
