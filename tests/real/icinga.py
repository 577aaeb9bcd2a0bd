"""A real Icinga 2 for tests: its API on a free port of this machine, in a folder of its own, as nobody."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.real.servers import HOOK_TOKEN, free_port, required, until
from tests.threats.authority import Authority

from tieline.adapters.icinga.adapter import ACTS, READS

PASSWORD = "icinga-password-5d20e9"
NODE = "127.0.0.1"
"""A node is called as its certificate is."""

CONFIG = """\
const NodeName = "{node}"
const ZoneName = "{node}"
const TicketSalt = ""
const PluginDir = "/nowhere"
include <itl>
object Endpoint NodeName {{ host = "127.0.0.1" }}
object Zone ZoneName {{ endpoints = [ NodeName ] }}
object ApiListener "api" {{
  bind_host = "127.0.0.1"
  bind_port = {port}
}}
object ApiUser "root" {{ password = "{password}", permissions = [ "*" ] }}
object ApiUser "tieline" {{ password = "{password}", permissions = [ {rights} ] }}
object ApiUser "blind" {{ password = "{password}", permissions = [ "status/query" ] }}
object CheckerComponent "checker" {{ }}
object NotificationComponent "notification" {{ }}
object User "tieline" {{ }}
{hook}
"""

HOOK = """\
object NotificationCommand "tieline" {{
  command = [ "/usr/bin/curl", "-sS", "-m", "10", "-H", "Authorization: Bearer {token}", "-H", "Content-Type: application/json", "--data-binary", "$tieline_says$", "{url}" ]
  vars.tieline_says = {{{{
    var one = get_host(macro("$host.name$"))
    var well = one.last_state_up
    if (macro("$service.name$")) {{
      one = get_service(macro("$host.name$"), macro("$service.name$"))
      well = one.last_state_ok
    }}
    return Json.encode({{
      name = one.__name
      last_well = well
      last_hard = one.last_hard_state_change
      at = get_time()
    }})
  }}}}
}}
apply Notification "tieline" to Host {{
  command = "tieline"
  users = [ "tieline" ]
  interval = 0
  assign where true
}}
apply Notification "tieline" to Service {{
  command = "tieline"
  users = [ "tieline" ]
  interval = 0
  assign where true
}}
"""  # noqa: E501 - one command of Icinga's language


@dataclass
class Icinga:
    """A running one. `stop` and `start` again keep what it knows, as a restart does."""

    home: Path
    url: str
    bundle: Path
    process: subprocess.Popen[bytes] | None = None
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        context = ssl.create_default_context(cafile=str(self.bundle))
        headers = {"accept": "application/json"}
        self.http = httpx.Client(
            base_url=self.url, verify=context, auth=("root", PASSWORD), headers=headers, trust_env=False, timeout=30
        )

    def start(self) -> None:
        user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", f"{user.pw_uid}:{user.pw_gid}", str(self.home)], check=True)
        folders = {"ConfigDir": "etc", "DataDir": "data", "LogDir": "log", "CacheDir": "cache", "SpoolDir": "spool"}
        defined = [f"-D{name}={self.home / folder}" for name, folder in {**folders, "InitRunDir": "run"}.items()]
        who = [f"-DRunAsUser={user.pw_name}", f"-DRunAsGroup={grp.getgrgid(user.pw_gid).gr_name}"]
        command = ["icinga2", "daemon", "-c", str(self.home / "etc" / "icinga2.conf"), *defined, *who]
        with (self.home / "out").open("ab") as out:
            self.process = subprocess.Popen([required(command[0], "icinga2-bin"), *command[1:]], stdout=out, stderr=out)
        until("Icinga is ready", self._ready)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
        self.process = None

    def _ready(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            pytest.fail(f"Icinga ended: {(self.home / 'out').read_text()[-3000:]}")
        try:
            return self.http.get("/v1").status_code == 200
        except httpx.TransportError:
            return False

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """What it answers to somebody who may do anything. Raises httpx.HTTPStatusError."""
        return self.http.request(method, path, json=body).raise_for_status().json()

    def make(self, name: str, attempts: int = 1) -> None:
        """A service that nobody checks, or a host."""
        attrs = {"check_command": "passive", "enable_active_checks": False, "max_check_attempts": attempts}
        self.call("PUT", f"/v1/objects/{'services' if '!' in name else 'hosts'}/{name}", {"attrs": attrs})

    def report(self, name: str, state: int, output: str) -> None:
        """What a plugin says of a service or host."""
        kind = "Service" if "!" in name else "Host"
        told = {"type": kind, kind.lower(): name, "exit_status": state, "plugin_output": output}
        self.call("POST", "/v1/actions/process-check-result", told)

    def attrs(self, name: str) -> dict[str, Any]:
        found = self.call("GET", f"/v1/objects/{'services' if '!' in name else 'hosts'}/{name}")
        attrs: dict[str, Any] = found["results"][0]["attrs"]
        return attrs


@contextmanager
def icinga(hook: str = "") -> Iterator[Icinga]:
    """One that tells `hook`, if there is one, of each notification about a service."""
    required("icinga2", "icinga2-bin")
    home = Path(tempfile.mkdtemp(prefix="tieline-icinga-"))
    try:
        home.chmod(0o755)
        for folder in ("etc", "data/certs", "log", "cache", "spool", "run"):
            (home / folder).mkdir(parents=True)
        authority = Authority(home)
        authority.server("node", host=NODE)
        pem = (home / "node.pem").read_bytes()
        for name in (f"{NODE}.key", f"{NODE}.crt"):
            (home / "data" / "certs" / name).write_bytes(pem)
        (home / "data" / "certs" / "ca.crt").write_bytes(authority.bundle.read_bytes())
        port = free_port()
        told = HOOK.format(token=HOOK_TOKEN, url=hook) if hook else ""
        rights = ", ".join(f'"{one}"' for one in (*READS, *ACTS))
        config = CONFIG.format(node=NODE, port=port, password=PASSWORD, rights=rights, hook=told)
        (home / "etc" / "icinga2.conf").write_text(config)
        server = Icinga(home, f"https://127.0.0.1:{port}", authority.bundle)
        try:
            server.start()
            yield server
        finally:
            server.stop()
            server.http.close()
    finally:
        shutil.rmtree(home, ignore_errors=True)
