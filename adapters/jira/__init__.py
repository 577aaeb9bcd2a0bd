"""Jira: Cloud (REST v3, Atlassian Document Format), Jira Service Management, and Data Center (REST v2, wiki text)."""
