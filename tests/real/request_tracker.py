"""A real Request Tracker for tests: SQLite, seeded once, as nobody, on a free port, with a clock that can be moved."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.real.servers import Server, free_port, required

SERVER = "/usr/share/request-tracker5/libexec/rt-server"
PACKAGES = "request-tracker5 rt5-standalone rt5-db-sqlite libfaketime"
PAGE = Path(__file__).parents[2] / "docs" / "tools" / "rt.md"
USERS = {"tieline": "tieline@example.org", "ann": "Ann.Doe@example.org"}
QUEUE = "Incidents"


@dataclass
class Desk:
    """A running server, and the tokens of its users."""

    server: Server
    tokens: Mapping[str, str]
    directory: Path

    @property
    def url(self) -> str:
        return self.server.url

    def ahead(self, seconds: float) -> None:
        """From now on its clock is so far ahead of the machine's."""
        _kept(self.directory / "clock", f"{seconds:+.3f}s")


@contextmanager
def request_tracker(hook: str, secret: str) -> Iterator[Desk]:
    """A server whose Scrip, the one of the documentation, tells `hook` of each transaction."""
    required("rt-setup-database-5", PACKAGES)
    # Nobody reaches no directory of the tests'.
    with tempfile.TemporaryDirectory(
        prefix="tieline-rt-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None
    ) as made:
        yield from _running(Path(made), hook, secret)


def _running(directory: Path, hook: str, secret: str) -> Iterator[Desk]:
    faketime = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    if faketime is None:
        required("faketime", PACKAGES)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    for name in ("conf.d", "mason", "sessions"):
        (directory / name).mkdir(parents=True)
    _kept(directory / "RT_SiteConfig.pm", _config(directory, port))
    _kept(directory / "seed", _seed(directory, hook, secret))
    _kept(directory / "clock", "+0s")
    owner = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
    if owner:
        for one in [directory, *directory.rglob("*")]:
            shutil.chown(one, 65534, 65534)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "RT_SITE_CONFIG": str(directory / "RT_SiteConfig.pm"),
        "RT_SITE_CONFIG_DIR": str(directory / "conf.d"),
    }
    for how in (["init", "--skip-create"], ["insert", "--datafile", str(directory / "seed")]):
        made = subprocess.run(
            [*owner, "rt-setup-database-5", "--action", *how], env=environment, capture_output=True, check=False
        )
        if made.returncode:
            pytest.fail(f"rt-setup-database-5 {how[0]}: {(made.stdout + made.stderr).decode()[-2000:]}")
    # FAKETIME_NO_CACHE: the file is looked at whenever the time is asked for.
    clock = {
        "LD_PRELOAD": str(faketime),
        "FAKETIME_TIMESTAMP_FILE": str(directory / "clock"),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    served = [SERVER, "--server", "Starlet", "--host", "127.0.0.1", "--port", str(port), "--max-workers=2"]
    given = [f"{name}={value}" for name, value in (environment | clock).items()]
    # The clock begins behind setpriv: nobody could not open what root began.
    server = _Tracker([*owner, "env", "-i", *given, *served], url, directory)
    try:
        server.start()
        yield Desk(server, {name: (directory / f"{name}.token").read_text() for name in USERS}, directory)
    finally:
        server.stop()


class _Tracker(Server):
    def _ready(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            pytest.fail(f"rt-server ended: {(self.directory / 'log').read_text()[-2000:]}")
        try:
            return httpx.get(f"{self.url}/REST/2.0/rt", trust_env=False, timeout=30.0).status_code == 401
        except httpx.TransportError:
            return False


def _kept(path: Path, text: str) -> None:
    path.write_text(text)


def _config(directory: Path, port: int) -> str:
    values = {
        "rtname": "tests",
        "Organization": "tests",
        "WebDomain": "127.0.0.1",
        "WebPort": str(port),
        "WebBaseURL": f"http://127.0.0.1:{port}",
        "DatabaseType": "SQLite",
        "DatabaseName": str(directory / "rt.db"),
        "MasonDataDir": str(directory / "mason"),
        "MasonSessionDir": str(directory / "sessions"),
        "WebSessionClass": "Apache::Session::File",
        "LogToSTDERR": "warning",
        "MailCommand": "testfile",
        "Timezone": "UTC",
        # A hash that takes a third of a second is made at each call otherwise.
        "BcryptCost": "4",
    }
    lines = [f"Set(${name}, '{value}');" for name, value in values.items()]
    return "\n".join(
        [*lines, "Set($LogToSyslog, undef);", "Set(%GnuPG, Enable => 0);", "Set(%SMIME, Enable => 0);", "1;"]
    )


def scrip() -> str:
    """What the documentation has an admin paste into the Scrip."""
    found = re.search(r"```perl scrip\n(.*?)```", PAGE.read_text(), re.DOTALL)
    if found is None:
        pytest.fail(f"{PAGE.name} shows no Scrip")
    return found[1]


def rights() -> list[str]:
    """The rights that the documentation has an admin grant."""
    return re.findall(r"^\| `([A-Z]\w+)` \|", PAGE.read_text(), re.MULTILINE)


def _seed(directory: Path, hook: str, secret: str) -> str:
    """Users, queue, fields, rights and Scrips, as the documentation says how to make them by hand."""
    told = scrip().replace("https://tieline.example.com/hooks/desk", hook).replace("the secret", secret)
    granted = " ".join(rights())
    return f"""
use strict; use warnings;
our @Users = (
  {{ Name => 'tieline', EmailAddress => '{USERS["tieline"]}', Password => 'rt-9c41f7-account', Privileged => 1 }},
  {{ Name => 'ann', EmailAddress => '{USERS["ann"]}', Password => 'rt-5d20be-person', Privileged => 1 }},
);
our @Queues = ({{ Name => '{QUEUE}', Lifecycle => 'default' }});
our @CustomFields = (
  {{ Name => 'Tieline Key', Type => 'FreeformSingle', LookupType => 'RT::Queue-RT::Ticket', Queue => ['{QUEUE}'] }},
  {{ Name => 'Category', Type => 'SelectSingle', LookupType => 'RT::Queue-RT::Ticket', Queue => ['{QUEUE}'],
     Values => [{{ Name => 'network' }}, {{ Name => 'storage' }}] }},
  {{ Name => 'Tags', Type => 'FreeformMultiple', LookupType => 'RT::Queue-RT::Ticket', Queue => ['{QUEUE}'] }},
);
our @ACL = (
  (map {{ {{ UserId => 'tieline', Right => $_, Queue => '{QUEUE}' }} }} qw({granted})),
  (map {{ {{ UserId => 'ann', Right => $_, Queue => '{QUEUE}' }} }} qw({granted} DeleteTicket)),
);
our @Scrips = (
  {{ Description => 'Tieline', Queue => '{QUEUE}', ScripCondition => 'On Transaction', ScripAction => 'User Defined',
     Template => 'Blank', Stage => 'TransactionBatch', CustomPrepareCode => 'return 1;',
     CustomCommitCode => <<'TOLD' }},
{told}
TOLD
  {{ Description => 'Escalation', Queue => '{QUEUE}', ScripCondition => 'On Transaction', ScripAction => 'User Defined',
     Template => 'Blank', CustomPrepareCode => q{{ my $one = $self->TransactionObj;
       return ($one->Field || '') eq 'Subject' && ($one->NewValue || '') eq 'Disk full, escalated'; }},
     CustomCommitCode => q{{ $self->TicketObj->SetPriority(90); return 1; }} }},
);
our @Final = (sub {{
  for my $name (qw({" ".join(USERS)})) {{
    my $user = RT::User->new(RT->SystemUser); $user->Load($name);
    my ($made, $said, $token) = RT::AuthToken->new(RT->SystemUser)->Create(Owner => $user->Id, Description => 'tests');
    open my $file, '>', "{directory}/$name.token" or die $!; print $file $token; close $file;
  }}
}});
1;
"""
