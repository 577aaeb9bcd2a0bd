"""A wrong address is told with the address and the cause, whichever library met it."""

import socket
import time

import httpx
import pytest
import requests

from tieline.core.client import Client
from tieline.core.clock import SystemClock
from tieline.core.errors import TryAgain
from tieline.core.port import HttpSettings, Workbench
from tieline.core.unreached import cause


def _closed() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def _silent() -> tuple[socket.socket, str]:
    listening = socket.create_server(("127.0.0.1", 0))
    return listening, f"http://127.0.0.1:{listening.getsockname()[1]}"


def _by_httpx(url: str) -> Exception:
    with pytest.raises(httpx.TransportError) as caught:
        httpx.get(url, trust_env=False, timeout=0.3)
    return caught.value


def _by_requests(url: str) -> Exception:
    with pytest.raises(requests.exceptions.RequestException) as caught, requests.Session() as session:
        session.trust_env = False
        session.get(url, timeout=0.3)
    return caught.value


@pytest.mark.parametrize("get", [_by_httpx, _by_requests])
def test_the_cause_is_found_below_what_the_library_made_of_it(get):
    closed = _closed()
    assert cause(get(f"{closed}/secret?token=x")) == f"{closed} refused the connection"
    nowhere = "http://nowhere.invalid:81"
    assert cause(get(nowhere)) == f"{nowhere} has a name that does not resolve"
    listening, silent = _silent()
    with listening:
        assert cause(get(silent)) == f"{silent} did not answer in time"
        assert cause(get(silent.replace("http:", "https:"))).startswith(silent.replace("http:", "https:"))


def test_the_client_says_so():
    closed = _closed()
    client = Client("alerts", closed, HttpSettings(), Workbench(SystemClock(), time.sleep))
    with pytest.raises(TryAgain, match=f"{closed} refused the connection"):
        client.send("GET", "/api/v2/alerts")
    client.close()
