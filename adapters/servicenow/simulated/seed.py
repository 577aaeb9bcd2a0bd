"""What an instance holds before anybody works on it: columns, choices, users, groups."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """A row of sys_dictionary."""

    name: str
    type: str = "string"
    length: int = 40
    mandatory: bool = False
    read_only: bool = False

    @property
    def label(self) -> str:
        """What people read beside the field."""
        return LABELS.get(self.name, self.name.replace("_", " ").capitalize())


LABELS = {
    "close_code": "Resolution code",
    "close_notes": "Resolution notes",
    "hold_reason": "On hold reason",
    "caller_id": "Caller",
    "cmdb_ci": "Configuration item",
}


@dataclass(frozen=True, slots=True)
class Account:
    """A user who may log in. `roles` decide what the account may do; `reads` is false for no access to incidents."""

    password: str
    email: str
    roles: tuple[str, ...] = ("itil",)
    time_zone: str = "GMT"
    active: bool = True


SYSTEM = tuple(
    Column(name, kind, length, read_only=True)
    for name, kind, length in (
        ("sys_id", "GUID", 32),
        ("sys_created_on", "glide_date_time", 40),
        ("sys_created_by", "string", 40),
        ("sys_updated_on", "glide_date_time", 40),
        ("sys_updated_by", "string", 40),
        ("sys_mod_count", "integer", 40),
    )
)

TASK = (
    *SYSTEM,
    Column("number", length=40),
    Column("short_description", length=160),
    Column("description", length=4000),
    Column("state", "integer"),
    Column("active", "boolean"),
    Column("impact", "integer"),
    Column("urgency", "integer"),
    Column("priority", "integer"),
    Column("escalation", "integer"),
    Column("assigned_to", "reference", 32),
    Column("assignment_group", "reference", 32),
    Column("opened_by", "reference", 32),
    Column("opened_at", "glide_date_time"),
    Column("closed_by", "reference", 32),
    Column("closed_at", "glide_date_time"),
    Column("close_notes", length=4000),
    Column("cmdb_ci", "reference", 32),
    Column("business_service", "reference", 32),
    Column("company", "reference", 32),
    Column("location", "reference", 32),
    Column("parent", "reference", 32),
    Column("contact_type"),
    Column("correlation_id", length=100),
    Column("correlation_display", length=100),
    Column("comments", "journal_input", 4000),
    Column("work_notes", "journal_input", 4000),
    Column("comments_and_work_notes", "journal_list", 4000),
    Column("due_date", "glide_date_time"),
    Column("follow_up", "glide_date_time"),
    Column("work_start", "glide_date_time"),
    Column("work_end", "glide_date_time"),
    Column("made_sla", "boolean"),
    Column("knowledge", "boolean"),
    Column("reassignment_count", "integer"),
    Column("watch_list", "glide_list", 4000),
    Column("work_notes_list", "glide_list", 4000),
    Column("approval"),
    Column("upon_approval"),
    Column("upon_reject"),
    Column("sys_class_name", "sys_class_name", 80),
    Column("sys_domain", "domain_id", 32),
    Column("sys_domain_path", "domain_path", 255),
    Column("sys_tags", "related_tags"),
)

INCIDENT = (
    Column("caller_id", "reference", 32),
    Column("category"),
    Column("subcategory"),
    Column("severity", "integer"),
    Column("hold_reason", "integer"),
    Column("close_code"),
    Column("incident_state", "integer"),
    Column("resolved_at", "glide_date_time"),
    Column("resolved_by", "reference", 32),
    Column("reopen_count", "integer"),
    Column("reopened_by", "reference", 32),
    Column("reopened_time", "glide_date_time"),
    Column("child_incidents", "integer"),
    Column("parent_incident", "reference", 32),
    Column("problem_id", "reference", 32),
    Column("rfc", "reference", 32),
    Column("caused_by", "reference", 32),
    Column("notify", "integer"),
    Column("business_duration", "glide_duration"),
    Column("calendar_duration", "glide_duration"),
)

EXTENDS = {"task": "", "incident": "task", "problem": "task", "change_request": "task"}

COLUMNS: dict[str, tuple[Column, ...]] = {
    "task": TASK,
    "incident": INCIDENT,
    "problem": (Column("workaround", length=4000), Column("cause_notes", length=4000)),
    "change_request": (Column("type"), Column("risk", "integer")),
    "sys_user": (
        *SYSTEM,
        *(Column(name, length=100) for name in ("user_name", "email", "name", "time_zone")),
        Column("active", "boolean"),
    ),
    "sys_user_group": (*SYSTEM, Column("name", length=80), Column("active", "boolean")),
    "sys_user_role": (*SYSTEM, Column("name", length=100)),
    "sys_user_has_role": (*SYSTEM, Column("user", "reference", 32), Column("role", "reference", 32)),
    "sys_journal_field": (
        *SYSTEM,
        Column("name", length=80),
        Column("element", length=80),
        Column("element_id", length=32),
        Column("value", length=1_000_000),
    ),
    "sys_audit": (
        *SYSTEM,
        *(Column(name, length=80) for name in ("tablename", "documentkey", "fieldname", "user")),
        *(Column(name, length=1_000_000) for name in ("oldvalue", "newvalue")),
        Column("record_checkpoint", "integer"),
    ),
    "sys_dictionary": (
        *SYSTEM,
        *(Column(name, length=80) for name in ("name", "element", "internal_type", "max_length", "column_label")),
        Column("mandatory", "boolean"),
        Column("read_only", "boolean"),
    ),
    "sys_choice": (
        *SYSTEM,
        *(Column(name, length=80) for name in ("name", "element", "value", "label", "language")),
        Column("inactive", "boolean"),
    ),
    "sys_db_object": (*SYSTEM, Column("name", length=80), Column("super_class", "reference", 32)),
    "sys_properties": (*SYSTEM, Column("name", length=100), Column("value", length=4000)),
}

REFERENCES = {
    "assigned_to": "sys_user",
    "opened_by": "sys_user",
    "caller_id": "sys_user",
    "closed_by": "sys_user",
    "resolved_by": "sys_user",
    "reopened_by": "sys_user",
    "user": "sys_user",
    "role": "sys_user_role",
    "assignment_group": "sys_user_group",
    "problem_id": "problem",
    "rfc": "change_request",
    "caused_by": "change_request",
    "parent_incident": "incident",
    "super_class": "sys_db_object",
}

CHOICES: dict[tuple[str, str], dict[str, str]] = {
    ("task", "state"): {"1": "Open", "2": "Work in Progress", "3": "Closed Complete"},
    ("task", "impact"): {"1": "1 - High", "2": "2 - Medium", "3": "3 - Low"},
    ("task", "urgency"): {"1": "1 - High", "2": "2 - Medium", "3": "3 - Low"},
    ("task", "priority"): {
        "1": "1 - Critical",
        "2": "2 - High",
        "3": "3 - Moderate",
        "4": "4 - Low",
        "5": "5 - Planning",
    },
    ("incident", "state"): {
        "1": "New",
        "2": "In Progress",
        "3": "On Hold",
        "6": "Resolved",
        "7": "Closed",
        "8": "Canceled",
    },
    ("incident", "hold_reason"): {
        "1": "Awaiting Caller",
        "3": "Awaiting Problem",
        "4": "Awaiting Vendor",
        "5": "Awaiting Change",
    },
    ("incident", "severity"): {"1": "1 - High", "2": "2 - Medium", "3": "3 - Low"},
    ("incident", "category"): {
        "inquiry": "Inquiry / Help",
        "software": "Software",
        "hardware": "Hardware",
        "network": "Network",
        "database": "Database",
    },
    ("incident", "close_code"): {
        "Duplicate": "Duplicate",
        "Known error": "Known error",
        "No resolution provided": "No resolution provided",
        "Resolved by caller": "Resolved by caller",
        "Resolved by change": "Resolved by change",
        "Resolved by problem": "Resolved by problem",
        "Resolved by request": "Resolved by request",
        "Solution provided": "Solution provided",
        "Workaround provided": "Workaround provided",
        "User error": "User error",
    },
}

CHOICE_FIELDS = frozenset(name for _, name in CHOICES)

DEFAULTS = {
    "state": "1",
    "active": "true",
    "impact": "3",
    "urgency": "3",
    "severity": "3",
    "category": "inquiry",
    "escalation": "0",
    "made_sla": "true",
    "knowledge": "false",
    "reassignment_count": "0",
    "reopen_count": "0",
    "child_incidents": "0",
    "notify": "1",
    "approval": "not requested",
    "upon_approval": "proceed",
    "upon_reject": "cancel",
    "sys_domain": "global",
    "sys_domain_path": "/",
}

ACCOUNTS = {
    "tieline": Account("the password of the simulated integration", "tieline@example.com"),
    "fred.luddy": Account("a person's password", "fred.luddy@example.com"),
    "beth.anglin": Account("another person's password", "Beth.Anglin@example.com"),
    "reader": Account("the reader's password", "reader@example.com", roles=()),
    "left.long.ago": Account("never again", "left.long.ago@example.com", active=False),
}

GROUPS = ("Network", "Database", "Service Desk", "Security Operations")

PRIORITY = {
    ("1", "1"): "1",
    ("1", "2"): "2",
    ("2", "1"): "2",
    ("1", "3"): "3",
    ("2", "2"): "3",
    ("3", "1"): "3",
    ("2", "3"): "4",
    ("3", "2"): "4",
    ("3", "3"): "5",
}
"""Impact and urgency to priority: the data lookup that ships with an instance."""
