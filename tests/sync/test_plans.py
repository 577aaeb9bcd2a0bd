"""What is asked for every alert or in every cycle is found by an index, however many incidents there are."""

import re

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import sqlite

from tieline.core.store.store import Store
from tieline.sync import acts, inbox, rows, signals, twins

STATEMENTS = {
    "known episodes": signals._KNOWN,
    "groups of a batch": signals._GROUPS,
    "signals that still fire": signals._STILL_FIRING,
    "the groups of an incident whose signal ended": signals._TOUCH_GROUPS,
    "signals to act on": acts._PENDING,
    "deliveries stored before": inbox._STORED,
    "waiting": inbox._WAITING,
    "comments that wait": twins._OUTGOING,
    "an incident": rows._INCIDENT,
    "its copies": rows._REPLICAS,
    "a copy by its record": rows._BY_REF,
    "a copy by its token": rows._BY_TOKEN,
    "parked signals": text("SELECT count(*) FROM signal WHERE parked <> ''"),
    "parked comments": text("SELECT count(*) FROM twin WHERE state = 'parked'"),
    "parked arrivals": text("SELECT count(*) FROM inbox WHERE parked <> ''"),
    "parked copies": text("SELECT count(*) FROM replica WHERE state = 'parked'"),
    "conflicts": text("SELECT count(*) FROM replica WHERE conflicts <> '{}'"),
    "firing signals": text("SELECT count(*) FROM signal WHERE firing"),
    "copies behind": text("SELECT min(dirty_since) FROM replica WHERE dirty"),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_table_is_read_from_end_to_end(tmp_path, name):
    # A list of any length stands for one value here.
    question = re.sub(r"__\[POSTCOMPILE_\w+\]", "?", str(STATEMENTS[name].compile(dialect=sqlite.dialect())))
    with Store.open(f"sqlite:///{tmp_path}/tieline.db") as store:
        store.migrate()
        with store.read() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {question}", (1,) * question.count("?")).all()
    steps = [row[-1] for row in plan]
    assert [step for step in steps if step.startswith("SCAN") and "INDEX" not in step] == []
