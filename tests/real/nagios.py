"""A real Nagios Core for tests: its daemon and its CGIs, in a folder of its own, as nobody. Behind its CGIs usually
stands a web server that asks for a password; here a few lines do."""

from __future__ import annotations

import base64
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from tests.real.servers import HOOK_TOKEN, until

PASSWORD = "nagios-password-5d20e9"
ACCOUNTS = ("root", "tieline", "blind")
HOST = "pool"
SETTLED = "settled"
SERVICES = tuple(f"s{number}" for number in range(500))
"""Objects are configured, and not made: each test takes one that nobody else has."""

CONFIG = """\
log_file={home}/nagios.log
cfg_file={home}/objects.cfg
object_cache_file={home}/objects.cache
resource_file={home}/resource.cfg
status_file={home}/status.dat
status_update_interval=1
nagios_user={user}
nagios_group={group}
command_file={home}/rw/nagios.cmd
query_socket={home}/rw/nagios.qh
lock_file={home}/nagios.pid
temp_file={home}/nagios.tmp
temp_path={home}
log_archive_path={home}
check_result_path={home}/checkresults
state_retention_file={home}/retention.dat
retain_state_information=1
event_broker_options=0
execute_service_checks=0
execute_host_checks=0
check_service_freshness=0
enable_flap_detection=0
use_syslog=0
illegal_macro_output_chars=`~$&|'"<>
"""

CGI = """\
main_config_file={home}/nagios.cfg
physical_html_path={home}
url_html_path=/nagios4
use_authentication=1
lock_author_names=1
authorized_for_all_services=root,tieline
authorized_for_all_hosts=root,tieline
authorized_for_system_information=root,tieline
authorized_for_all_service_commands=root,tieline
authorized_for_all_host_commands=root,tieline
"""

OBJECTS = """\
define command {{
  command_name none
  command_line /bin/true
}}
define command {{
  command_name tieline-service
  command_line /usr/bin/curl -sS -m 10 -K {home}/curl.cfg --data-binary '{{"host": "$HOSTNAME$", "service": "$SERVICEDESC$", "well": "$LASTSERVICEOK$", "at": "$TIMET$"}}'
}}
define command {{
  command_name tieline-host
  command_line /usr/bin/curl -sS -m 10 -K {home}/curl.cfg --data-binary '{{"host": "$HOSTNAME$", "well": "$LASTHOSTUP$", "at": "$TIMET$"}}'
}}
define timeperiod {{
  timeperiod_name always
  alias always
{days}
}}
define contact {{
  contact_name tieline
  host_notification_period always
  service_notification_period always
  host_notification_options d,u,r,f,s
  service_notification_options w,u,c,r,f,s
  host_notification_commands tieline-host
  service_notification_commands tieline-service
}}
"""  # noqa: E501 - a command is one line
CHECKED = """\
  check_command none
  max_check_attempts {attempts}
  active_checks_enabled 0
  check_period always
  contacts tieline
  notification_interval 0
  notification_period always
}}
"""


@dataclass
class Nagios:
    """A running one. `stop` and `start` again keep what it knows, as a restart does."""

    root: Path
    home: Path
    url: str
    process: subprocess.Popen[bytes] | None = None
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url, auth=("root", PASSWORD), trust_env=False, timeout=30)

    def start(self) -> None:
        command: Sequence[str] = [str(self.root / "usr/sbin/nagios4"), str(self.home / "nagios.cfg")]
        with (self.home / "out").open("ab") as out:
            self.process = subprocess.Popen(
                command, stdout=out, stderr=out, user=nobody().pw_uid if is_root() else None
            )
        until("Nagios is ready", self._ready)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
        self.process = None

    def _ready(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            pytest.fail(f"Nagios ended: {(self.home / 'out').read_text()[-3000:]}")
        return (self.home / "rw" / "nagios.cmd").exists() and (self.home / "status.dat").exists()

    def command(self, line: str) -> None:
        """An external command. What it does shows as soon as Nagios has written its status."""
        with (self.home / "rw" / "nagios.cmd").open("w") as pipe:
            pipe.write(f"[{int(time.time())}] {line}\n")

    def settle(self) -> None:
        """Until Nagios has written what it was told before this was called."""
        line = f"ADD_HOST_COMMENT;{SETTLED};0;settled;{time.time_ns()}"
        self.command(line)
        mark = line.rpartition(";")[2].encode()
        until("Nagios writes its status", lambda: mark in (self.home / "status.dat").read_bytes())

    def report(self, name: str, state: int, output: str) -> None:
        """What a plugin says of a service or host."""
        host, _, service = name.partition("!")
        if service:
            self.command(f"PROCESS_SERVICE_CHECK_RESULT;{host};{service};{state};{output}")
        else:
            self.command(f"PROCESS_HOST_CHECK_RESULT;{host};{state};{output}")

    def attrs(self, name: str) -> dict[str, Any]:
        """What it tells of a service or host."""
        host, _, service = name.partition("!")
        query = {"query": "service", "hostname": host, "servicedescription": service}
        asked = query if service else {"query": "host", "hostname": host}
        answer = self.http.get("/statusjson.cgi", params=asked).raise_for_status().json()
        found: dict[str, Any] = answer["data"]["service" if service else "host"]
        return found


def is_root() -> bool:
    return os.geteuid() == 0


def nobody() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody") if is_root() else pwd.getpwuid(os.geteuid())


@contextmanager
def nagios(hook: str = "") -> Iterator[Nagios]:
    """One that tells `hook` of every problem and its end."""
    root = _laid_out()
    home = Path(tempfile.mkdtemp(prefix="tieline-nagios-"))
    try:
        home.chmod(0o755)
        for folder in ("rw", "checkresults"):
            (home / folder).mkdir()
        names = {"home": home, "user": nobody().pw_name, "group": nobody().pw_gid}
        days = "\n".join(f"  {day} 00:00-24:00" for day in _DAYS)
        (home / "nagios.cfg").write_text(CONFIG.format(**names))
        (home / "cgi.cfg").write_text(CGI.format(**names))
        (home / "resource.cfg").write_text("")
        told = [
            f'url = "{hook}"',
            f'header = "Authorization: Bearer {HOOK_TOKEN}"',
            'header = "Content-Type: application/json"',
        ]
        (home / "curl.cfg").write_text("\n".join(told) if hook else 'url = "http://127.0.0.1:9/"')
        (home / "objects.cfg").write_text(OBJECTS.format(days=days, **names) + _objects())
        if is_root():
            subprocess.run(["chown", "-R", f"{nobody().pw_uid}:{nobody().pw_gid}", str(home)], check=True)
        with _served(root, home) as url:
            server = Nagios(root, home, url)
            try:
                server.start()
                yield server
            finally:
                server.stop()
                server.http.close()
    finally:
        shutil.rmtree(home, ignore_errors=True)


_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")


def _objects() -> str:
    parts = [f"define host {{\n  host_name {host}\n" + CHECKED.format(attempts=1) for host in (HOST, SETTLED, "same")]
    for host, service, attempts in (*((HOST, one, 1) for one in SERVICES), ("same", "disk", 2)):
        parts.append(
            f"define service {{\n  host_name {host}\n  service_description {service}\n"
            + CHECKED.format(attempts=attempts)
        )
    return "".join(parts)


def _laid_out() -> Path:
    """Where `make servers` has put Debian's packages. Without them the test is skipped, or fails where real servers are
    demanded."""
    root = Path(sys.prefix) / "nagios"
    if not (root / "usr/sbin/nagios4").exists():
        sentence = "Nagios is not laid out in .venv/nagios; run `make servers`"
        if os.environ.get("CI") == "true" or os.environ.get("TIELINE_REAL") == "1":
            pytest.fail(sentence)
        pytest.skip(sentence)
    return root


@contextmanager
def _served(root: Path, home: Path) -> Iterator[str]:
    """What Apache does in front of the CGIs: it asks who is there, and runs them."""
    pairs = {base64.b64encode(f"{name}:{PASSWORD}".encode()).decode(): name for name in ACCOUNTS}

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            user = pairs.get(self.headers.get("authorization", "").removeprefix("Basic "))
            program = root / "usr/lib/cgi-bin/nagios4" / Path(parts.path).name
            if user is None:
                self._answer(401, "text/html", b"<h1>Unauthorized</h1>")
            elif program.suffix != ".cgi" or not program.exists():
                self._answer(404, "text/html", b"<h1>Not Found</h1>")
            else:
                env = {
                    "NAGIOS_CGI_CONFIG": str(home / "cgi.cfg"),
                    "REQUEST_METHOD": self.command,
                    "QUERY_STRING": parts.query,
                    "REMOTE_USER": user,
                    "CONTENT_TYPE": self.headers.get("content-type", ""),
                    "CONTENT_LENGTH": str(len(body)),
                    "HTTP_COOKIE": self.headers.get("cookie", ""),
                }
                told = subprocess.run(
                    [program], input=body, env=env, capture_output=True, timeout=20, check=False
                ).stdout
                head, _, page = told.partition(b"\r\n\r\n")
                kind = "application/json" if b"application/json" in head else "text/html"
                self._answer(200, kind, page)

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = _any

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
