"""The tables: few, and the same on SQLite and PostgreSQL.

incident                 an item of any kind
incident 1─n replica     one tool's copy, with the third leg of its merge (`base`) and what was last seen (`observed`)
incident 1─n comment 1─n twin     a comment and its copies in the tools
incident 1─n signal      the alerts that opened or feed it
inbox, cursor, connection     what came in, how far we read, how each connection is doing
journal, journal_payload      what happened, in order, provably
journal_head, journal_shredded     the journal's last entry, locked by whoever appends; the payloads let go of
journal_forgotten        the keys of payloads that are to be forgotten
person 1─n identity      whom the journal's ids stand for, and by what they are known
person 1─n role_grant    the roles that somebody holds
person 1─n token    what programs act for somebody by
person 1─n local_account 1─n session     by what people sign in with a browser, and for how long they did
lately                   what is journalled once a minute
unheard                  what commands did, until the daemon tells its observers
lease                    whose turn at a connection it is, where several workers share the store
account                  what the connections of one account share, there
doubt                    ends of alerts that are not believed yet
left_out                 what a source's webhooks told of without its being taken in
timer                    what is to happen later
act_key                  what was asked for under a key
legal_hold               what is not to be forgotten before somebody lifts it
proposal                 what somebody else is to approve first
review                   what was done at once, and is looked at afterwards
projected                the tables that plugins derive from the journal, and how far they have come
follower 1─n follower_backlog     how far what plugins do about it has come; and what of it failed, or waits behind that
job 1─n job_item         long work, how far it has come, and of which items it tells
job 1─1 blob             what it came to
incident 1─1 output 1─n output_part     what a runner wrote while it executed something
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TextClause,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateIndex

from tieline.core.store.types import Instant, JsonText

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_WHERE: Final = "where"


def _partial(name: str, *columns: Column[Any], where: ColumnElement[bool] | TextClause, unique: bool = False) -> None:
    """An index over the few rows that need attention, however many there are in all."""
    Index(name, *columns, unique=unique, info={_WHERE: where})


@compiles(CreateIndex)
def _create_index(create: CreateIndex, compiler: Any, **how: Any) -> str:
    """With the rows that it is of. `sqlite_where` and `postgresql_where` say the same and load what speaks to both
    databases, for which everybody waits who looks at one."""
    made: str = compiler.visit_create_index(create, **how)
    where = create.element.info.get(_WHERE)
    if where is None:
        return made
    return f"{made} WHERE {compiler.sql_compiler.process(where, include_table=False, literal_binds=True)}"


# SQLite makes only an INTEGER primary key an alias of its row id.
BigId = BigInteger().with_variant(Integer, "sqlite")

incident = Table(
    "incident",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),  # its number, a label: a restore may give it twice
    Column("uid", String(32), nullable=False),  # never given twice; see `uids`
    Column("kind", String(20), nullable=False, default="incident", server_default=text("'incident'")),
    Column("revision", Integer, nullable=False),  # grows by one with every change; the version deliveries name
    Column("fields", JsonText, nullable=False),
    Column("stamps", JsonText, nullable=False),  # field -> [edited_at in our clock, who]
    Column("status", String(20), nullable=False),
    # How bad it is: 50 critical, 40 high, 35 not known, 30 medium, 20 low, 10 info.
    Column("rank", Integer, nullable=False, default=35, server_default=text("'35'")),
    # The scopes that its fields put it in, "" for none: what somebody may read of a list is asked of these.
    Column("team", String(200), nullable=False, default="", server_default=text("''")),
    Column("service", String(200), nullable=False, default="", server_default=text("''")),
    Column("exercise", Boolean, nullable=False, default=False),
    Column("restricted", Boolean, nullable=False, default=False),
    Column("label", String(20), nullable=False, default=""),  # shown instead of its number while it is restricted
    Column("part_of", BigInteger),  # the item that it is a part of: it is restricted, held and forgotten with that
    Column("origin", Text, nullable=False, default=""),  # what opened it, which its copies' tokens are made of
    Column("opened_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("uq_incident_uid", "uid", unique=True),
    Index(None, "status"),
)
_partial(
    "ix_incident_open",
    incident.c.kind,
    incident.c.rank,
    incident.c.opened_at,
    incident.c.id,
    incident.c.restricted,
    where=text("status IN ('new', 'in_progress', 'on_hold')"),
)
_partial("ix_incident_restricted", incident.c.id, where=text("restricted"))
_partial("ix_incident_part_of", incident.c.part_of, incident.c.id, where=text("part_of IS NOT NULL"))
for _scope in (incident.c.team, incident.c.service):
    _partial(f"ix_incident_{_scope.name}", _scope, incident.c.id, where=text(f"{_scope.name} <> ''"))

replica = Table(
    "replica",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("incident_id", ForeignKey("incident.id"), nullable=False),
    Column("connection", String(40), nullable=False),
    # What the copy is for; one connection may hold several, such as the rooms of an incident.
    Column("purpose", String(20), nullable=False, default="record", server_default=text("'record'")),
    Column("kind", String(20), nullable=False, default="incident", server_default=text("'incident'")),
    Column("state", String(12), nullable=False),  # absent, in_doubt, linked, parked, gone
    Column("ref", String(200)),
    Column("key", String(200), nullable=False, default=""),
    Column("url", Text, nullable=False, default=""),
    Column("token", String(40), nullable=False),
    Column("base", JsonText, nullable=False),  # the fields that incident and replica last agreed on, as this tool reads
    Column("observed", JsonText, nullable=False),  # the fields as last read
    Column("originals", JsonText),  # the tool's own texts that hold more than our fields; null: not looked at yet
    Column("version", Text, nullable=False, default=""),
    Column(
        "touched", BigInteger, nullable=False, default=0
    ),  # journal seq when last read or written: older readings lose
    Column("ledger", JsonText, nullable=False),  # field -> [[prior, written], …] of writes whose outcome is unknown
    Column("intent", JsonText, nullable=False),  # the create in doubt: {fields (null: nobody knows), since}
    Column("holds", JsonText, nullable=False),  # field -> [kind, ours, theirs, since, …]: where the two stay different
    Column("waits", Boolean, nullable=False, default=False),  # one of the holds waits for a person
    Column("trail", JsonText, nullable=False),  # field -> the last values written, for the oscillation breaker
    Column("dirty", Boolean, nullable=False, default=False),
    Column("dirty_since", Instant),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at", Instant),
    Column("parked", Text, nullable=False, default=""),  # the sentence that says what is missing
    # Its item is forgotten: it is gone here, whatever its tool shows of it later.
    Column("forgotten", Boolean, nullable=False, default=False, server_default=false()),
    UniqueConstraint("incident_id", "connection", "purpose"),
    UniqueConstraint("connection", "ref", "kind"),
    UniqueConstraint("token"),
)


_partial("ix_replica_dirty", replica.c.connection, replica.c.id, where=text("dirty"))
_partial("ix_replica_parked", replica.c.state, where=text("state = 'parked'"))
_partial("ix_replica_waits", replica.c.connection, replica.c.id, where=text("waits"))

comment = Table(
    "comment",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("incident_id", ForeignKey("incident.id"), nullable=False),
    Column("author", Text, nullable=False),
    Column("audience", String(10), nullable=False),
    Column("body", Text, nullable=False),  # Markdown
    Column("origin", String(40), nullable=False),  # the connection it was written in, or "" for Tieline itself
    Column("written_at", Instant, nullable=False),
    Index(None, "incident_id"),
)

twin = Table(
    "twin",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("comment_id", ForeignKey("comment.id"), nullable=False),
    Column("connection", String(40), nullable=False),
    Column("replica_id", ForeignKey("replica.id"), nullable=False),
    Column("state", String(12), nullable=False),  # wanted, sending, linked, parked
    Column("remote_id", String(200)),
    Column("token", String(40), nullable=False),
    Column("since", Instant),  # when the write under way began
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at", Instant),
    Column("parked", Text, nullable=False, default=""),
    UniqueConstraint("comment_id", "replica_id"),
    UniqueConstraint("replica_id", "remote_id"),
    UniqueConstraint("token"),
)
_partial("ix_twin_parked", twin.c.id, where=text("state = 'parked'"))
_partial("ix_twin_wanted", twin.c.connection, twin.c.id, where=text("state IN ('wanted', 'sending')"))

signal = Table(
    "signal",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("connection", String(40), nullable=False),
    Column("episode", String(200), nullable=False),
    Column("incident_id", ForeignKey("incident.id")),
    Column("group_key", String(200), nullable=False),
    Column("firing", Boolean, nullable=False),
    Column("fields", JsonText, nullable=False),
    Column("labels", JsonText, nullable=False),
    Column("judged", JsonText, nullable=False, server_default=text("'{}'")),  # how bad the plugins found it
    Column("version", Text, nullable=False),
    Column(
        "act", String(12), nullable=False, default=""
    ),  # what its source should hold: "", acknowledge, resolve, release
    Column("acted", String(12), nullable=False, default=""),  # what it holds, or "unsure"
    Column("handle", Text, nullable=False, default=""),
    Column("act_until", Instant),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at", Instant),
    Column("parked", Text, nullable=False, default=""),
    Column("seen_at", Instant, nullable=False),
    UniqueConstraint("connection", "episode"),
    Index(None, "incident_id"),
)
_partial("ix_signal_firing", signal.c.connection, signal.c.seen_at, where=signal.c.firing)
_partial("ix_signal_parked", signal.c.id, where=text("parked <> ''"))
_partial("ix_signal_act", signal.c.connection, where=text("act <> acted"))

grouping = Table(
    "grouping",
    metadata,
    Column("group_key", String(200), primary_key=True),
    Column("incident_id", ForeignKey("incident.id"), nullable=False),
    Column("last_at", Instant, nullable=False),  # the last signal that joined; the window runs from here
    Column("flaps", Integer, nullable=False, server_default=text("0")),  # how often its alerts went off and on again
    Column("flapper", Text, nullable=False, server_default=text("''")),  # the title of the last alert that did
    Column("steady_at", Instant),  # from when on that is forgotten
    Column("held_until", Instant),  # until then its incident does not follow them
    Index(None, "incident_id"),
)
_partial("ix_grouping_flaps", grouping.c.steady_at, where=text("flaps > 0"))

relation = Table(
    "relation",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("incident_id", ForeignKey("incident.id"), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("connection", String(40), nullable=False),
    Column("ref", String(200), nullable=False),
    UniqueConstraint("incident_id", "kind", "connection", "ref"),
)

inbox = Table(
    "inbox",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("connection", String(40), nullable=False),
    Column("ref", String(200), nullable=False),
    Column("reading", JsonText),  # the record, where it came along; null for a hint
    Column("asked", BigInteger, nullable=False),  # journal seq before the question was asked; 0 for a webhook
    Column("received_at", Instant, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at", Instant),
    Column("parked", Text, nullable=False, default=""),
)
_partial("ix_inbox_waiting", inbox.c.connection, inbox.c.id, where=text("parked = ''"))
_partial("ix_inbox_parked", inbox.c.id, where=text("parked <> ''"))
# Equal pending hints for one record collapse into one row.
_partial("uq_inbox_hint", inbox.c.connection, inbox.c.ref, where=inbox.c.reading.is_(None), unique=True)

delivery = Table(
    "delivery",
    metadata,
    Column("connection", String(40), primary_key=True),
    Column("delivery_id", String(200), primary_key=True),
    Column("received_at", Instant, nullable=False),
    Index(None, "received_at"),
)

cursor = Table(
    "cursor",
    metadata,
    Column("connection", String(40), primary_key=True),
    Column("cursor", Text, nullable=False),
    Column("polled_at", Instant, nullable=False),
)

connection = Table(
    "connection",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("uid", String(32), nullable=False),  # never given twice, whatever is called by that name later
    Column("state", String(12), nullable=False),  # working, waiting, stopped
    Column("reason", Text, nullable=False, default=""),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at", Instant),
    Column("since", Instant, nullable=False),
)

# Whose turn a lane is, where several workers share the store. A write of a turn that is over is refused by its token.
lease = Table(
    "lease",
    metadata,
    Column("lane", String(80), primary_key=True),
    Column("token", BigInteger, nullable=False),
    Column("worker", String(80), nullable=False),
    Column("taken_at", Instant, nullable=False),
    Column("released_at", Instant),  # null while the turn lasts, and after a worker that died in it
    Column("poll_at", Instant),  # null: poll at once
    Column("next_at", Instant),  # not before this, unless it is null
    Column("poll_soon", Boolean, nullable=False, default=False),  # asked for from outside of a turn
    Column("memory", JsonText, nullable=False),  # what the next turn has to know
)

# What the connections of one account share, where several workers serve them.
account = Table(
    "account",
    metadata,
    Column("name", String(40), primary_key=True),
    Column("memory", JsonText, nullable=False),  # calls left, and whether the tool answers any of them
)

doubt = Table(
    "doubt",
    metadata,
    Column("connection", String(40), primary_key=True),
    Column("since", Instant, nullable=False),
    Column("reason", String(20), nullable=False),
    Column("fired", Integer, nullable=False),  # how many did when the ends were missed
    Column("firing", Integer, nullable=False),  # how many do by now
    Column("episodes", JsonText, nullable=False),
    Column("confirmed", JsonText, nullable=False),  # those that a person has said to be over
)

left_out = Table(
    "left_out",
    metadata,
    Column("connection", String(40), primary_key=True),
    Column("records", BigInteger, nullable=False),
    Column("since", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("why", Text, nullable=False),  # the sentence for the last of them
    Column("asked", Boolean, nullable=False),  # whether its source could be asked for it
)

timer = Table(
    "timer",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("key", String(200), nullable=False),
    Column("kind", String(40), nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("payload", JsonText, nullable=False),
    Column("attempts", Integer, nullable=False, default=0, server_default=text("0")),
    Column("next_at", Instant),  # when one that failed is tried again
    Column("parked", Text, nullable=False, default="", server_default=text("''")),
    UniqueConstraint("key"),
    Index(None, "due_at"),
)
_partial("ix_timer_parked", timer.c.id, where=text("parked <> ''"))

# What was asked for under a key of the asker's, and what was answered.
act_key = Table(
    "act_key",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("answer", JsonText, nullable=False),
    Column("seq", BigInteger),  # of the entry that says it was done
    Column("at", Instant, nullable=False),
    Index(None, "at"),
)

# What somebody else is to approve first. What would be written stands in the journal's entry that tells of it.
proposal = Table(
    "proposal",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("label", String(20), nullable=False),  # what people call it
    Column("act", String(60), nullable=False),
    Column("ask", JsonText, nullable=False),  # the words, sealed with the item's key; none once it is closed
    Column("asker", ForeignKey("person.id"), nullable=False),
    Column("token", String(20), nullable=False),  # by which they asked
    Column("incident_id", BigInteger),  # the item that it is about; the first of several
    Column("items", JsonText, nullable=False),  # all that it is about: each with its revision
    Column("rights", JsonText, nullable=False),  # that approve it
    Column("approvals", JsonText, nullable=False),  # so far: each right with who, and by which token
    Column("sha", String(64), nullable=False),  # of what would be written, as it is rendered
    Column("state", String(12), nullable=False),  # open, approved, rejected, withdrawn, expired
    Column("asked_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("entry", BigInteger, nullable=False),  # the journal's that tells of it
    UniqueConstraint("label"),
)
_partial("ix_proposal_open", proposal.c.until, where=text("state = 'open'"))

# What was done at once, where somebody else was to be asked first.
review = Table(
    "review",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("label", String(20), nullable=False),
    Column("act", String(60), nullable=False),
    Column("person", ForeignKey("person.id"), nullable=False),  # who did it
    Column("incident_id", BigInteger),
    Column("items", JsonText, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("closed_by", ForeignKey("person.id")),
    Column("entry", BigInteger, nullable=False),
    UniqueConstraint("label"),
)
_partial("ix_review_open", review.c.opened_at, where=text("closed_at IS NULL"))

# What may be shown outside: the bytes that somebody approved for a copy. Of those that are in force, the last counts.
release = Table(
    "release",
    metadata,
    Column("incident_id", ForeignKey("incident.id"), primary_key=True),
    Column("connection", String(40), primary_key=True),
    Column("entry", BigInteger, primary_key=True, autoincrement=False),  # the journal's that tells of the approval
    Column("since", Instant, nullable=False),
    Column("sha", String(64), nullable=False),  # of what is sent
)

# What leaves for nobody, from when on.
halt = Table(
    "halt",
    metadata,
    Column("what", String(20), primary_key=True),
    Column("since", Instant, nullable=False),
)

# What is to be kept for a court or an authority: nothing that it is over is forgotten before somebody lifts it. Without
# an item and a condition it is over everything.
legal_hold = Table(
    "legal_hold",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("incident_id", BigInteger),  # the item that it is over, if it is over one
    Column("condition", Text, nullable=False),  # whatever this has been true of since; "" for none
    Column("why", Text, nullable=False),
    Column("reference", Text, nullable=False),  # the case that it is for
    Column("person", Text, nullable=False),  # who placed it, as the journal names them
    Column("placed_at", Instant, nullable=False),
    Column("entry", BigInteger, nullable=False),  # the journal's that tells of it
    Column("lifted_at", Instant),
)
_partial("ix_legal_hold_open", legal_hold.c.id, where=text("lifted_at IS NULL"))

# The tables of plugins are made from the journal, and made anew where this says so.
projected = Table(
    "projected",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("version", Integer, nullable=False),  # of the declaration that they were made by
    Column("is_current", Boolean, nullable=False),  # false while they are made anew
    Column("seq", BigInteger, nullable=False),  # the last entry that is in them
    Column("builder", String(32), nullable=False),  # who makes them anew; "" for nobody
)

follower = Table(
    "follower",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("seq", BigInteger, nullable=False),  # the last entry that it has dealt with, or put into its backlog
)

follower_backlog = Table(
    "follower_backlog",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("follower", String(60), nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("incident_id", BigInteger),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_at", Instant),
    Column("parked", Text, nullable=False, default=""),
    UniqueConstraint("follower", "seq"),
    Index(None, "follower", "incident_id"),
)
_partial("ix_follower_backlog_parked", follower_backlog.c.id, where=text("parked <> ''"))

# Each document that says how a plugin behaves, and from which entry of the journal on it does.
policy = Table(
    "policy",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("at", Instant, nullable=False),
    Column("person", Text, nullable=False),  # who set it, as the journal names them
    Column("document", Text, nullable=False),
    Column("sha", String(64), nullable=False),
    Column("why", Text, nullable=False),
    Column("approved_by", JsonText, nullable=False, server_default="[]"),  # ids of persons
)

# Long work, done step by step. Its row is never deleted, so that its number names no other.
job = Table(
    "job",
    metadata,
    Column("id", BigId, primary_key=True, autoincrement=True),
    Column("kind", String(60), nullable=False),
    Column("incident_id", BigInteger),  # the item that it is about, if any
    Column("actor", Text, nullable=False),  # as the journal names whoever started it
    Column("ask", JsonText, nullable=False),
    Column("status", String(12), nullable=False),  # running, parked, done, cancelled
    Column("state", JsonText),  # what its next step is told; null before the first
    Column("steps", BigInteger, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("of", BigInteger),  # so much there is to be done, where that is known
    Column("entry", BigInteger, nullable=False),  # the journal's that says that it was started
    Column("started_at", Instant, nullable=False),
    Column("spent", BigInteger, nullable=False),  # milliseconds of work since it was started or resumed
    Column("stepped_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("attempts", Integer, nullable=False),  # at its next step
    Column("next_at", Instant),
    Column("parked", Text, nullable=False),
    Column("worker", String(80), nullable=False),  # whoever does a step now; "" for nobody
    Column("token", BigInteger, nullable=False),  # grows with each step that is begun
    Column("leased_until", Instant),  # nobody else begins one before
)
_partial("ix_job_running", job.c.stepped_at, job.c.id, where=text("status = 'running'"))
_partial("ix_job_parked", job.c.id, where=text("status = 'parked'"))

job_item = Table(
    "job_item",
    metadata,
    Column("job", ForeignKey("job.id"), primary_key=True),
    Column("incident_id", BigInteger, primary_key=True),
    Index(None, "incident_id"),
)

blob = Table(
    "blob",
    metadata,
    Column("job", ForeignKey("job.id"), primary_key=True),
    Column("sha", String(64), nullable=False),  # SHA-256 of the body
    Column("size", BigInteger, nullable=False),
    Column("media_type", String(100), nullable=False),
    Column("readers", String(60), nullable=False),  # the right to read it
    Column("retention", String(40), nullable=False),  # its class
    Column("made_at", Instant, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

# What was written while an item of the kind execution was carried out, as far as it is kept.
output = Table(
    "output",
    metadata,
    Column("incident_id", ForeignKey("incident.id"), primary_key=True),
    Column("sha", String(64), nullable=False),  # SHA-256 of all that was written, as its runner tells it
    Column("size", BigInteger, nullable=False),  # bytes that are kept
    Column("parts", Integer, nullable=False),
    Column("is_cut", Boolean, nullable=False),  # its end is not kept, since it is long
    Column("agrees", Boolean, nullable=False),  # what its runner gave, to its end, has that hash
    Column("kept_at", Instant, nullable=False),
)

output_part = Table(
    "output_part",
    metadata,
    Column("incident_id", ForeignKey("output.incident_id"), primary_key=True),
    Column("part", Integer, primary_key=True),  # from 1 on
    Column("size", Integer, nullable=False),  # bytes before they were sealed
    Column("is_sealed", Boolean, nullable=False),  # with the item's key
    Column("body", LargeBinary, nullable=False),
)

journal = Table(
    "journal",
    metadata,
    Column("seq", BigId, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("kind", String(40), nullable=False),
    Column("incident_id", BigInteger),
    Column("connection", String(40)),
    Column("actor", Text, nullable=False),
    Column("reason", String(40), nullable=False, default=""),
    Column("payload_sha", String(64), nullable=False),
    Column("prev", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index(None, "incident_id"),
)

journal_payload = Table(
    "journal_payload",
    metadata,
    Column("seq", BigId, primary_key=True, autoincrement=False),
    Column("payload", Text, nullable=False),  # "" where it is sealed
    Column("salt", String(32), nullable=False, default=""),  # hashed in front of it; "" in entries of before
    Column("sealed", LargeBinary),  # with the key of the entry's incident
)

# Who acted. A journal entry holds the id for ever, and the name goes when somebody is forgotten.
person = Table(
    "person",
    metadata,
    Column("id", String(24), primary_key=True),
    Column("name", Text),
    Index(None, "name"),
)

# By what whoever acts is found; see `core/identity.py`. People of before there were any have none: they act no more.
identity = Table(
    "identity",
    metadata,
    Column("known_as", Text, primary_key=True),
    Column("person", ForeignKey("person.id"), nullable=False),
    Index(None, "person"),
)

role_grant = Table(
    "role_grant",
    metadata,
    Column("person", ForeignKey("person.id"), primary_key=True),
    Column("role", String(20), primary_key=True),
    Column("scope", String(200), primary_key=True),  # "" is everything
    Column("until", Instant),
    Column("entry", BigInteger, nullable=False),  # the journal's that tells of it
)

# How somebody stands to an item, and by whose word: a plugin's, or "" for a person's.
standing = Table(
    "standing",
    metadata,
    Column("person", ForeignKey("person.id"), primary_key=True),
    Column("relation", String(20), primary_key=True),
    Column("incident_id", ForeignKey("incident.id"), primary_key=True),
    Column("source", String(20), primary_key=True),
    Column("entry", BigInteger, nullable=False),  # the journal's that tells of it
    Index(None, "incident_id"),
)

# What a program acts for somebody by: its secret is told once, and only its hash is kept.
token = Table(
    "token",
    metadata,
    Column("id", String(20), primary_key=True),
    Column("person", ForeignKey("person.id"), nullable=False),
    Column("name", Text, nullable=False),  # what its owner calls it
    Column("hash", String(64), nullable=False),
    Column("role", String(20), nullable=False),  # whose rights it reaches, beside these
    Column("rights", JsonText, nullable=False),
    Column("scope", String(200), nullable=False),  # "" is everything
    Column("made_at", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("used_at", Instant),  # to the hour
    Column("revoked_at", Instant),
    Column("entry", BigInteger, nullable=False),  # the journal's that tells of it
    Index(None, "person"),
)

# By what somebody signs in who has no other account; of a password and of a code no more than hashes are kept.
local_account = Table(
    "local_account",
    metadata,
    Column("name", String(60), primary_key=True),
    Column("person", ForeignKey("person.id"), nullable=False),
    Column("hash", Text, nullable=False),  # "" until a password is chosen
    Column("code", String(64), nullable=False),  # the hash of the code by which it is chosen; "" for none
    Column("code_until", Instant),
    Column("made_at", Instant, nullable=False),
    Column("entry", BigInteger, nullable=False),  # the journal's that tells of it
    Index(None, "person"),
)

# Who is signed in with a browser, by the hash of what that shows.
session = Table(
    "session",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("person", ForeignKey("person.id"), nullable=False),
    Column("token", String(20), nullable=False),  # the one by which they signed in; "" for none
    Column("account", String(60), nullable=False),  # the same
    Column("made_at", Instant, nullable=False),
    Column("used_at", Instant, nullable=False),  # to the minute
    Column("until", Instant, nullable=False),
    Index(None, "person"),
    Index(None, "until"),
)

# What was journalled a moment ago and, as often as it happens within that minute, is not journalled again.
lately = Table(
    "lately",
    metadata,
    Column("what", String(200), primary_key=True),
    Column("minute", BigInteger, nullable=False),
)

# Entries that commands wrote beside the daemon, until it has told its observers of them.
unheard = Table(
    "unheard",
    metadata,
    Column("seq", BigId, primary_key=True, autoincrement=False),
)

# One row (id 1): the last entry. Whoever appends locks it, and entries cut off at the end no longer match it.
journal_head = Table(
    "journal_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
    Column("key_name", String(32), nullable=False, default="", server_default=text("''")),  # the name of those in use
    Column("forgotten", BigInteger, nullable=False, default=0, server_default=text("0")),  # the last number of those
)

# Whose key is to be forgotten, and as which entry says. The file of the keys follows, up to the number that it names.
journal_forgotten = Table(
    "journal_forgotten",
    metadata,
    Column("number", BigId, primary_key=True, autoincrement=False),
    Column("incident_id", BigInteger, nullable=False),
    Column("life", Integer, nullable=False),
    Column("entry", BigInteger, nullable=False),
)

# A payload may be deleted only when its seq stands here, beside the journal entry that says so.
journal_shredded = Table(
    "journal_shredded",
    metadata,
    Column("seq", BigId, primary_key=True, autoincrement=False),
    Column("entry", BigInteger, nullable=False),
)
