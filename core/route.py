"""The way to a tool: through which proxy, trusting whom, and with which certificate of our own.

Both HTTP libraries are told the same here. Neither is left to look into the environment by itself: they would take
credentials from a `.netrc` and authorities from variables too. Of the environment only HTTPS_PROXY, HTTP_PROXY,
ALL_PROXY and NO_PROXY count, in either case, and none of them for this very machine.
"""

from __future__ import annotations

import base64
import ipaddress
import os
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit
from urllib.request import getproxies_environment

from tieline.core.errors import NeedsOperator, RemoteError, TryAgain
from tieline.core.port import DIRECT, HttpSettings, ProxySettings
from tieline.core.redaction import conceal_pair
from tieline.core.unreached import beneath, cause, cause_at_proxy

FILES: Final = ("ca_file", "client_certificate", "client_key")
"""The options that name files, beside `verify_tls`, which may."""


@dataclass(frozen=True, slots=True)
class Route:
    """How one address is reached. `proxy` holds credentials: show `shown`. Both are "" where nobody is in between."""

    verify: bool | str = True
    certificate: str = ""
    key: str = ""
    passphrase: str = ""
    proxy: str = ""

    def __repr__(self) -> str:
        return f"Route({self.shown or 'direct'})"

    @property
    def shown(self) -> str:
        """The proxy without its credentials."""
        parts = urlsplit(self.proxy)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if self.proxy else ""

    def context(self) -> ssl.SSLContext:
        """What httpx is given. Raises BadFile."""
        if self.verify is True and not self.certificate:
            return _usual_authorities(_named_file())
        context = _authorities(self.verify)
        if self.certificate:
            _load_pair(context, self)
        return context

    def lead(self, session: Any, transport: Any = None, *, at: tuple[str, ...] = ("https://", "http://")) -> None:
        """Have a session of requests go this way, and no other; `transport` takes the place of the network."""
        session.trust_env = False
        session.verify = self.verify
        if self.proxy:
            session.proxies.update({"http": self.proxy, "https": self.proxy})
        carrier = transport or self.carrier()
        for prefix in at:
            session.mount(prefix, carrier)

    def carrier(self) -> Any:
        """A transport of requests that shows our certificate, and repeats nothing."""
        files: dict[str, Any] = {}
        if self.certificate:
            files = {"cert_file": self.certificate, "key_file": self.key or None}
            if self.passphrase:
                files["key_password"] = self.passphrase
        return _carriers()(files)


def _be_quiet() -> None:
    """urllib3 warns of every call by itself, on the screen and between the lines of the log. `check` says it once."""
    import urllib3

    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)


class BadFile(ValueError):
    """A file of certificates that cannot be used: which option names it, and why."""

    def __init__(self, option: str, path: str, why: str) -> None:
        super().__init__(f"`{option}`: {path} cannot be used ({why})")
        self.option = option


def route(connection: str, settings: HttpSettings, url: str) -> Route:
    """The way to `url`, looked at whole. Raises NeedsOperator for a file or a secret that cannot be had."""
    for bad in bad_files(settings):
        raise NeedsOperator(connection, str(bad))
    try:
        found = Route(
            settings.authorities,
            str(settings.client_certificate or ""),
            str(settings.client_key or ""),
            settings.client_key_passphrase.reveal() if settings.client_key_passphrase is not None else "",
            _proxy(settings.proxy, url),
        )
        if found.certificate or isinstance(found.verify, str):
            found.context()
    except (LookupError, ValueError) as error:
        # LookupError of a secret, BadFile of a file, ValueError of an address in the environment.
        raise NeedsOperator(connection, str(error)) from None
    if found.verify is False:
        _be_quiet()
    return found


def blocked(connection: str, what: str, error: BaseException, way: Route) -> RemoteError | None:
    """The error for a request that stopped on its way: at the proxy, or at a certificate that does not verify; else
    None. The tool has heard nothing of it."""
    said = cause_at_proxy(error, way.shown)
    if " answered 407" in said:
        words = f"{what}: no connection ({said}). Give `proxy.username` and `proxy.password`, or renew them; then run"
        return NeedsOperator(connection, f"{words} `tieline check {connection}`.")
    if said:
        return TryAgain(connection, f"{what}: no connection ({said})")
    if any(isinstance(one, ssl.SSLCertVerificationError) for one in beneath(error)):
        advice = "Where an authority of your own signs it, set `ca_file` to that authority's file; else have it renewed"
        return NeedsOperator(connection, f"{what}: no connection ({cause(error)}). {advice}.")
    return None


def bad_files(settings: HttpSettings) -> Iterator[BadFile]:
    """What is wrong with the files that the settings name, as far as it can be told without any secret."""
    if settings.ca_file is not None:
        yield from _tried(lambda: _look_at_authorities(settings.ca_file))
    if settings.client_certificate is None:
        return
    missing = list(_unreadable(settings))
    yield from missing
    secret = settings.client_key_passphrase
    if not missing:
        try:
            passphrase = secret.reveal() if secret is not None else ""
        except LookupError:
            return  # That is said where secrets are looked for.
        pair = Route(False, str(settings.client_certificate), str(settings.client_key or ""), passphrase)
        yield from _tried(pair.context)


def _look_at_authorities(path: Path | None) -> None:
    if path is not None:
        _open("ca_file", path)
        _authorities(str(path), "ca_file")


def _unreadable(settings: HttpSettings) -> Iterator[BadFile]:
    for option in ("client_certificate", "client_key"):
        path = getattr(settings, option)
        if path is not None:
            yield from _tried(lambda path=path, option=option: _open(option, path))


def _open(option: str, path: Path) -> None:
    try:
        path.read_bytes()
    except (OSError, ValueError) as error:
        raise BadFile(option, str(path), _why(error)) from None


def _tried(look: Any) -> Iterator[BadFile]:
    try:
        look()
    except BadFile as bad:
        yield bad


def _named_file() -> tuple[str, int, int]:
    """The file that the environment names for the usual authorities, and what tells that it was written anew."""
    named = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR") or ""
    try:
        found = Path(named).stat()
    except OSError:
        return named, 0, 0
    return named, found.st_mtime_ns, found.st_size


@lru_cache(maxsize=8)
def _usual_authorities(_named: tuple[str, int, int]) -> ssl.SSLContext:
    """Read once, for it takes 20 ms. Nothing is ever added to this one."""
    return _authorities(True)


def _authorities(verify: bool | str, option: str = "") -> ssl.SSLContext:
    """What certificates are held against: the usual authorities, a file or folder of one's own, or nothing."""
    if isinstance(verify, bool):
        import httpx  # here, because a configuration is read by commands that ask no tool

        return httpx.create_ssl_context(verify=verify)
    try:
        path = Path(verify)
        return ssl.create_default_context(capath=verify) if path.is_dir() else ssl.create_default_context(cafile=verify)
    except (OSError, ValueError) as error:
        raise BadFile(option or "verify_tls", verify, _why(error)) from None


def _load_pair(context: ssl.SSLContext, files: Route) -> None:
    # A function, for a text of "" would have OpenSSL ask at the terminal, and a daemon wait for ever.
    try:
        context.load_cert_chain(files.certificate, files.key or None, password=lambda: files.passphrase)
    except ssl.SSLError as error:
        option, path, why = _pair_trouble(files, error)
        raise BadFile(option, path, why) from None
    except (OSError, ValueError) as error:
        option = "client_key" if files.key and Path(files.certificate).is_file() else "client_certificate"
        raise BadFile(option, files.key if option == "client_key" else files.certificate, _why(error)) from None


def _pair_trouble(files: Route, error: ssl.SSLError) -> tuple[str, str, str]:
    reason = (error.reason or "").upper()
    key = ("client_key", files.key) if files.key else ("client_certificate", files.certificate)
    if "MISMATCH" in reason:
        return *key, "the key is not that of the certificate"
    if "BAD_DECRYPT" in reason or "PASSWORD" in reason or "MAYBE_WRONG" in reason:
        return *key, "`client_key_passphrase` does not open the key"
    if not _is_certificate(files.certificate):
        return "client_certificate", files.certificate, "it holds no certificate in PEM"
    return *key, "it holds no key in PEM, or `client_key_passphrase` does not open it"


def _is_certificate(path: str) -> bool:
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ValueError):
        return False
    return True


def _why(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return "it holds no certificate in PEM"
    return getattr(error, "strerror", None) or str(error)


def _proxy(settings: ProxySettings | None, url: str) -> str:
    """The proxy's address with its credentials, or "". Raises LookupError, and ValueError for a bad environment."""
    if settings is None:
        return _environments(url)
    if settings.url == DIRECT:
        return ""
    if settings.username is None or settings.password is None:
        return settings.url
    password = settings.password.reveal()
    conceal_pair(settings.username, password)
    scheme, _, rest = settings.url.partition("://")
    return f"{scheme}://{quote(settings.username, safe='')}:{quote(password, safe='')}@{rest}"


def _environments(url: str) -> str:
    """What the environment says of this address."""
    known = getproxies_environment()
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host or _is_this_machine(host) or _bypassed(host, parts.port, known.get("no", "")):
        return ""
    found = known.get(parts.scheme) or known.get("all") or ""
    if not found:
        return ""
    address = found if "://" in found else f"http://{found}"
    proxy = urlsplit(address)
    if proxy.scheme not in ("http", "https") or not proxy.hostname:
        name = f"{parts.scheme.upper()}_PROXY"
        raise ValueError(f"{name} (or ALL_PROXY) in the environment is no address of an HTTP proxy; correct it")
    conceal_pair(unquote(proxy.username or ""), unquote(proxy.password or ""))
    return address.rstrip("/")


def _bypassed(host: str, port: int | None, listed: str) -> bool:
    """NO_PROXY, as curl and requests read it: names with all below them, with or without a port, addresses, networks
    and `*`."""
    return any(_covers(one.strip().lower(), host.lower().rstrip("."), port) for one in listed.split(","))


def _covers(entry: str, host: str, port: int | None) -> bool:
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        name, colon, only = entry.lstrip("*").lstrip(".").partition(":")
    return bool(name) and (host == name or host.endswith(f".{name}")) and (not colon or only == str(port))


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _basic(proxy: str) -> dict[str, str]:
    parts = urlsplit(proxy)
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"} if parts.username else {}


@cache
def _carriers() -> Any:
    """A class, made when the first adapter that is built on requests asks: the library comes with extras."""
    from requests.adapters import HTTPAdapter
    from urllib3 import Retry

    class Carrier(HTTPAdapter):
        def __init__(self, files: Mapping[str, Any]) -> None:
            self._files = files
            super().__init__(max_retries=Retry(0, read=False))

        def proxy_headers(self, proxy: str) -> dict[str, str]:
            # The library would encode a password as Latin-1, and fail on the rest of the world's.
            return _basic(proxy)

        def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
            super().init_poolmanager(connections, maxsize, block, **options, **self._files)

        def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
            return super().proxy_manager_for(proxy, **options, **self._files)

    return Carrier
