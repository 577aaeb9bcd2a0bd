"""The address to listen on: why it cannot be had, and what to do about it."""

from __future__ import annotations

import socket

import pytest

from tieline.sync.daemon.address import NotTaken, take


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:0"])
def test_an_address_of_this_machine_is_taken(listen: str) -> None:
    with take(listen) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"


def test_an_address_of_the_sixth_version_is_written_in_brackets() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        with take("[::1]:0") as listener:
            assert listener.getsockname()[0] == "::1"
    except NotTaken as error:
        assert "no address of this machine" in error.what


@pytest.mark.parametrize("host", ["nohost.invalid", "x" * 64, "256.1.1.1", "[::g]"])
def test_a_name_that_leads_nowhere_is_said_to(host: str) -> None:
    with pytest.raises(NotTaken, match="is no address, and no name that leads to one") as caught:
        take(f"{host}:18486")
    assert "write an address of this machine" in caught.value.fix


def test_an_address_of_another_machine_is_said_to_be() -> None:
    with pytest.raises(NotTaken, match=r"192\.0\.2\.1 is no address of this machine") as caught:
        take("192.0.2.1:18486")
    assert "write one that it has" in caught.value.fix


def test_one_that_somebody_else_holds_is_said_to_be_taken() -> None:
    with take("127.0.0.1:0") as held:
        listen = f"127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(NotTaken, match=f"{listen} is taken") as caught:
            take(listen)
    assert caught.value.fix.startswith("stop what holds it")
