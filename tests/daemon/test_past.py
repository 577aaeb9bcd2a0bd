"""A daemon knows whether its store was put back from a backup: then, and only then, it looks before it makes."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs
from tests.daemon.conftest import eventually

from tieline.adapters.memory.faults import Fault
from tieline.core import journal, local_accounts, passwords, sessions, tokens
from tieline.core.access import Role
from tieline.core.errors import NotProved
from tieline.core.identity import of_account
from tieline.core.journal import Entry
from tieline.core.store import tables as t
from tieline.core.store.store import Store
from tieline.core.store.tombstones import Tombstone, Tombstones, sealed_person
from tieline.sync import explain
from tieline.sync.daemon.journal_mark import Past

pytestmark = pytest.mark.slow


@pytest.fixture
def asked(running):
    """Start a daemon; answers it and the verbs that its tools are asked, in order."""

    def start():
        here = running()
        verbs = []
        for tool in here.tools.values():
            tool.faults.draw = lambda verb, _writes: verbs.append(verb)
        return here, verbs

    return start


def stop(here):
    here.client.close()
    here.daemon.stop()


def again(here):
    """Another daemon on the same folder and the same tools."""
    from tieline.core.config import load_workspace
    from tieline.sync.daemon.daemon import Daemon

    here.daemon = Daemon(lambda: load_workspace(here.file), transports=here.tools)
    here.daemon.start()


def backed_up(asked, folder):
    """A daemon that goes on after a backup of its store, in which one incident has its copy."""
    here, _verbs = asked()
    here.tools["left"].make({"title": "Disk full", "status": "new"})
    eventually(lambda: copies(here) == 1)
    here.daemon.stop()
    shutil.copy(folder / "tieline.db", folder / "backup.db")
    again(here)
    return here


def put_back(folder):
    for file in folder.glob("tieline.db-*"):
        file.unlink()
    shutil.copy(folder / "backup.db", folder / "tieline.db")


def copies(here):
    return len(here.tools["right"].rows())


def test_a_restart_looks_for_nothing(asked):
    here, verbs = asked()
    here.tools["left"].make({"title": "Disk full", "status": "new"})
    eventually(lambda: copies(here) == 1)
    here.daemon.stop()
    here.tools["left"].make({"title": "Another one", "status": "new"})
    again(here)
    eventually(lambda: copies(here) == 2)
    assert "find" not in verbs


def test_a_store_that_was_put_back_makes_nothing_twice(asked, tmp_path):
    here = backed_up(asked, tmp_path)
    here.tools["left"].make({"title": "Made after the backup", "status": "new"})
    eventually(lambda: copies(here) == 2)
    here.daemon.stop()

    put_back(tmp_path)
    here.tools["right"].faults.queue.append(Fault(times=3))
    again(here)
    here.tools["left"].make({"title": "Made after the restore", "status": "new"})
    eventually(lambda: copies(here) >= 3)
    assert copies(here) == 3


def test_a_store_that_was_put_back_gives_no_number_to_two(asked, tmp_path):
    here = backed_up(asked, tmp_path)
    here.tools["left"].make({"title": "Made after the backup", "status": "new"})
    eventually(lambda: copies(here) == 2)
    here.daemon.stop()
    put_back(tmp_path)
    again(here)
    eventually(lambda: len(refs(here, 3)) == 2)
    assert refs(here, 2) == [], "people speak of another one by that number"
    here.tools["left"].make({"title": "Made after the restore", "status": "new"})
    eventually(lambda: len(refs(here, 4)) == 2)


def test_without_its_note_a_store_looks_once_for_what_is_new(asked, tmp_path):
    here, verbs = asked()
    here.tools["left"].make({"title": "Disk full", "status": "new"})
    eventually(lambda: copies(here) == 1)
    here.daemon.stop()
    (tmp_path / "tieline.db.head").unlink()
    here.tools["left"].make({"title": "Another one", "status": "new"})
    again(here)
    eventually(lambda: copies(here) == 2)
    assert verbs.count("find") == 1


@pytest.fixture
def store(tmp_path):
    with Store.open(f"sqlite:///{tmp_path / 'tieline.db'}") as opened:
        opened.migrate()
        yield opened


def happens(store, what):
    with store.write() as tx:
        tx.journal(Entry(datetime(2026, 1, 5, tzinfo=UTC), what, None, None, "ann", "", {}))


def test_a_new_store_is_whole_and_one_with_a_history_needs_its_note(store, tmp_path):
    past = Past(store, tmp_path / "tieline.db")
    assert past.is_whole()
    happens(store, "opened")
    assert not past.is_whole()
    past.note(None, in_doubt=False)
    assert past.is_whole()


def test_what_happened_after_the_note_is_no_loss(store, tmp_path):
    past = Past(store, tmp_path / "tieline.db")
    happens(store, "opened")
    past.note(None, in_doubt=False)
    happens(store, "changed")
    assert past.is_whole()


def restored(store, tmp_path):
    """A store whose note knows of an entry that it has lost."""
    happens(store, "opened")
    (tmp_path / "tieline.db.head").write_text(f"2 {'0' * 64}\n", encoding="ascii")
    return Past(store, tmp_path / "tieline.db")


def test_a_restore_is_not_forgotten_by_a_restart_before_everything_was_read(store, tmp_path):
    past = restored(store, tmp_path)
    assert not past.is_whole()
    past.note(None, in_doubt=True)
    happens(store, "changed")
    past.note(None, in_doubt=True)
    assert not Past(store, tmp_path / "tieline.db").is_whole()


def test_what_a_restored_store_may_have_forgotten_is_remembered_after_everything_was_read(store, tmp_path):
    past = restored(store, tmp_path)
    assert not past.is_whole()
    noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    past.note(noon, in_doubt=False)
    for _ in range(2):
        past = Past(store, tmp_path / "tieline.db")
        assert past.is_whole() and past.in_doubt_before == noon
        happens(store, "changed")
        past.note(past.in_doubt_before, in_doubt=True)


def test_what_was_hidden_while_everything_was_read_is_looked_for_after_a_restart(asked, tmp_path):
    here = backed_up(asked, tmp_path)
    hidden = here.tools["left"].make({"title": "Made after the backup", "status": "new"}).ref
    eventually(lambda: copies(here) == 2)
    here.daemon.stop()

    here.tools["left"].delete(hidden)
    made = max(here.tools["right"].rows(), key=lambda row: int(row.ref))
    here.tools["right"].edit(made.ref, status="resolved")
    put_back(tmp_path)
    again(here)
    note = tmp_path / "tieline.db.head"
    eventually(lambda: note.read_text(encoding="ascii").split()[2] != "-")
    here.daemon.stop()
    again(here)
    assert not here.daemon.engine.in_doubt
    here.tools["left"].restore(hidden)
    eventually(lambda: [len(refs(here, number)) for number in (1, 3)] == [2, 2])
    assert copies(here) == 2


def refs(here, number):
    """The records that stand for an incident so far."""
    with here.daemon.engine.store.read() as connection:
        found = explain.one_incident(connection, number)
    return [copy.ref for copy in found[1] if copy.ref is not None] if found is not None else []


@pytest.mark.parametrize("words", ["2 " + "0" * 64, "1 " + "0" * 64, "", "one two", "7"])
def test_a_note_that_the_journal_does_not_hold_says_that_something_was_lost(store, tmp_path, words):
    happens(store, "opened")
    (tmp_path / "tieline.db.head").write_text(words, encoding="ascii")
    assert not Past(store, tmp_path / "tieline.db").is_whole()


def test_a_store_that_workers_share_is_never_taken_for_whole(store):
    assert not Past(store, None).is_whole()


def test_a_token_that_was_revoked_after_the_backup_does_not_stand_again(asked, tmp_path):
    here, _verbs = asked()
    now = datetime.now(UTC)
    with here.daemon._store.write() as tx:
        ids = [
            tokens.issue(
                tx,
                of_account("ann", "here"),
                tokens.Terms(name, Role.VIEWER, (), None, now + timedelta(days=9)),
                at=now,
                actor="ann",
            )[0]
            for name in ("leaked", "grafana")
        ]
    here.daemon.stop()
    shutil.copy(tmp_path / "tieline.db", tmp_path / "backup.db")
    again(here)
    with here.daemon._store.write() as tx:
        tokens.revoke(tx, tokens.find(tx, ids[0]), at=now, actor="ann")
    stop(here)
    put_back(tmp_path)
    again(here)
    with here.daemon._store.read() as connection:
        assert [tokens.find(connection, one).state(now) for one in ids] == ["revoked", "stands"]
        told = [row for row in connection.execute(journal.ENTRIES).all() if row.kind == "token_revoked"]
    assert [journal.who(row) for row in told] == ["tieline"]
    stop(here)
    again(here)
    with here.daemon._store.read() as connection:
        assert tokens.find(connection, ids[0]).state(now) == "revoked"


def test_who_signed_out_lost_an_account_or_changed_a_password_after_the_backup_does_not_come_in_again(asked, tmp_path):
    here, _verbs = asked()
    now = datetime.now(UTC)
    names, owners = ("bob", "cid", "dan"), {}
    with here.daemon._store.write() as tx:
        for name in names:
            owner = of_account(name, "here")
            account, code = local_accounts.add(tx, owner, at=now, actor="ann")
            owners[name] = local_accounts.Proved(owner, account)
            local_accounts.choose(tx, owners[name], code, passwords.hash_of(f"the first of {name}"), at=now)
    with here.daemon._store.write() as tx:
        shown = sessions.begin(tx, owners["dan"].someone, account=owners["dan"].account, at=now)
    here.daemon.stop()
    shutil.copy(tmp_path / "tieline.db", tmp_path / "backup.db")
    again(here)
    with here.daemon._store.write() as tx:
        local_accounts.remove(tx, owners["bob"].someone.identity, at=now, actor="ann")
        _name, code = local_accounts.renew(tx, owners["cid"].someone.identity, at=now, actor="ann")
        local_accounts.choose(tx, owners["cid"], code, passwords.hash_of("the second of cid"), at=now)
        sessions.end_all_of(tx, owners["dan"].account)
    stop(here)
    put_back(tmp_path)
    again(here)

    def taken(connection, name, password):
        try:
            local_accounts.prove(connection, owners[name].account, password)
        except NotProved:
            return False
        return True

    with here.daemon._store.read() as connection:
        assert [taken(connection, name, f"the first of {name}") for name in names] == [False, False, True]
        with pytest.raises(NotProved):
            sessions.prove(connection, shown, now)
        kinds = [row.kind for row in connection.execute(journal.ENTRIES).all()]
        assert [kind for kind in kinds if kind in ("account_removed", "password_closed")] == [
            "account_removed",
            "password_closed",
        ]
    with here.daemon._store.write() as tx:
        _name, code = local_accounts.renew(tx, owners["cid"].someone.identity, at=now, actor="ann")
        local_accounts.choose(tx, owners["cid"], code, passwords.hash_of("the third of cid"), at=now)
        local_accounts.add(tx, owners["bob"].someone, at=now, actor="ann")
    stop(here)
    again(here)
    with here.daemon._store.read() as connection:
        assert taken(connection, "cid", "the third of cid")
        assert set(local_accounts.marks(connection)) >= {local_accounts._mark(owners["bob"].account)[:16]}


RETENTION = "plugins: {retention: {classes: {all: {minimum: 1d}}}}"
DSR = Tombstone("DSR-12", sealed_person("p-1"), (), {"law": "GDPR Art. 17(1)", "texts": False})


def test_a_store_that_was_put_back_forgets_again_who_was_forgotten(running, tmp_path):
    here = running(RETENTION)
    here.daemon.stop()
    with capture_logs() as logs:
        again(here)
        here.daemon.stop()
        assert "forgotten_again" not in [one["event"] for one in logs]
        Tombstones(tmp_path / "tieline.db.keys").keep(DSR)
        again(here)
    [told] = [one for one in logs if one["event"] == "forgotten_again"]
    assert (told["people"], told["items"], told["jobs"]) == (1, False, ["retention.repeat"])
    with Store.open(f"sqlite:///{tmp_path / 'tieline.db'}") as store, store.read() as connection:
        assert [one.kind for one in connection.execute(t.job.select())] == ["retention.repeat"]
