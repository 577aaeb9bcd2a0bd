"""What is asked for every alert or in every cycle is found by an index, however many incidents there are."""

import re

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.dialects import sqlite

from tieline.core.store import tables as t
from tieline.core.store.store import Store
from tieline.sync import loading
from tieline.sync.alerts import absence, acts, groups, judging, reraise, signals, unheeded
from tieline.sync.comments import comments
from tieline.sync.daemon import lane
from tieline.sync.fit import fitting
from tieline.sync.intake import inbox
from tieline.sync.polling import poll

STATEMENTS = {
    "known episodes": signals._KNOWN,
    "groups of a batch": groups._GROUPS,
    "groups of an incident": groups._OF_INCIDENT,
    "signals that still fire": unheeded._FIRING,
    "the groups of an incident whose signal ended": groups._TOUCH,
    "what an incident's alerts said": judging._HEARD,
    "alerts to raise again": reraise._FIRING,
    "what those say that fire": judging._FIRING,
    "ends without beginnings": signals._FORGET_ENDS,
    "signals to act on": acts._PENDING,
    "the signals of an incident": acts._SIGNALS,
    "deliveries stored before": inbox._STORED,
    "waiting": inbox._WAITING,
    "comments that wait": comments._OUTGOING,
    "an incident": loading._INCIDENT,
    "its copies": loading._REPLICAS,
    "a copy by its record": loading._BY_REF,
    "a copy by its token": loading._BY_TOKEN,
    "parked signals": text("SELECT count(*) FROM signal WHERE parked <> ''"),
    "parked comments": text("SELECT count(*) FROM twin WHERE state = 'parked'"),
    "parked arrivals": text("SELECT count(*) FROM inbox WHERE parked <> ''"),
    "parked copies": text("SELECT count(*) FROM replica WHERE state = 'parked'"),
    "conflicts": select(func.count()).select_from(t.replica).where(loading.WAITS_FOR_A_PERSON),
    "firing signals": text("SELECT count(*) FROM signal WHERE firing"),
    "copies behind": text("SELECT min(dirty_since) FROM replica WHERE dirty"),
}


FEW = {
    "what fires and was seen since the last pass": (poll._FIRING, "ix_signal_firing (connection=? AND seen_at>?)"),
    "what fires of one source": (absence._FIRING, "ix_signal_firing (connection=?)"),
    "copies with a held field": (lane._HELD, "ix_replica_waits (connection=?)"),
    "copies to try again": (fitting._HELD, "ix_replica_waits (connection=?)"),
    "copies to write": (lane._DUE, "ix_replica_dirty (connection=?)"),
    "one signal of an incident": (acts._SIGNAL, "(connection=? AND episode=?)"),
    "what is over and fires": (unheeded._UNHEEDED, "ix_signal_firing"),
    "what a source that is only heard said last": (inbox._LAST, "ix_delivery_received_at (received_at>?)"),
    "groups that flap": (groups._FLAPPING, "ix_grouping_flaps (steady_at>?)"),
    "acts to carry out": (acts._PENDING, "ix_signal_act (connection=?)"),
}
"""Questions about the few of a connection that need attention, each with the index that holds no others."""


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_table_is_read_from_end_to_end(tmp_path, name):
    steps = plan_of(tmp_path, STATEMENTS[name])
    assert [step for step in steps if step.startswith("SCAN") and "INDEX" not in step] == []


@pytest.mark.parametrize("name", FEW)
def test_what_needs_no_attention_is_not_read(tmp_path, name):
    statement, index = FEW[name]
    assert any(index in step for step in plan_of(tmp_path, statement)), plan_of(tmp_path, statement)


def plan_of(folder, statement):
    # A list of any length stands for one value here.
    question = re.sub(r"__\[POSTCOMPILE_\w+\]", "?", str(statement.compile(dialect=sqlite.dialect())))
    with Store.open(f"sqlite:///{folder}/tieline.db") as store:
        store.migrate()
        with store.read() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {question}", (1,) * question.count("?")).all()
    return [row[-1] for row in plan]
