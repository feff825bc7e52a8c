from datetime import date
from pathlib import Path

import pytest

from hl7calf.cli.console_setting import Wish, compose, origins_of, proxy_of
from hl7calf.cli.failures import Unusable
from hl7calf.config import parse_settings
from tests.cli.test_console import SETTINGS

POLICY = """
[policy]
id = "RAD-US-017"
version = "3"
approved_by = "Chief of Radiology"
approved_on = 2026-01-15
valid_until = 2027-01-15
"""


def test_the_settings_become_what_the_console_needs(tmp_path: Path) -> None:
    desk = compose(parse_settings(SETTINGS + POLICY, tmp_path), Wish("tcp:9576:interface=127.0.0.1", idle_s=60))
    options = desk.options
    assert (options.data_dir, desk.database.name) == (tmp_path / "var", "hl7calf.sqlite3")
    assert [(r.name, r.review) for r in options.routes] == [("orders", "forward")]
    assert (options.mode, options.idle_s) == ("observe", 60)
    assert options.policy is not None
    assert options.policy_shown is not None
    assert options.policy_shown.valid_until == date(2027, 1, 15)
    assert desk.sessions.idle_s == 60


def test_without_a_policy_there_is_none(tmp_path: Path) -> None:
    options = compose(parse_settings(SETTINGS, tmp_path), Wish("tcp:1:interface=127.0.0.1")).options
    assert (options.policy, options.policy_shown, options.proxy) == (None, None, None)


@pytest.mark.parametrize(
    "listen", ["tcp:9576:interface=127.0.0.1", r"tcp6:9576:interface=\:\:1", "tcp:port=9576:interface=127.0.0.1"]
)
def test_on_loopback_the_addresses_are_known(listen: str) -> None:
    assert all(origin.endswith(":9576") for origin in origins_of(Wish(listen)))
    assert len(origins_of(Wish(listen))) == 3


@pytest.mark.parametrize(
    "listen", ["tcp:9576", "tcp:9576:interface=0.0.0.0", "tcp:9576:interface=10.0.0.1", r"tcp6:9576:interface=\:\:"]
)
def test_beyond_loopback_an_https_address_is_needed(listen: str) -> None:
    with pytest.raises(Unusable, match="--public-url"):
        origins_of(Wish(listen))
    assert origins_of(Wish(listen, ["https://Calf.example.org"])) == ("https://calf.example.org",)


@pytest.mark.parametrize(
    "url", ["http://calf.example.org", "calf.example.org", "https://", "https://calf.example.org/path", "ftp://x"]
)
def test_an_address_that_is_none_or_sends_passwords_in_the_clear_is_refused(url: str) -> None:
    with pytest.raises(Unusable):
        origins_of(Wish("tcp:9576:interface=127.0.0.1", [url]))


@pytest.mark.parametrize("listen", ["", "ssl:9576:privateKey=k", "9576", "tcp:x"])
def test_what_is_no_endpoint_is_refused_with_the_way_out(listen: str) -> None:
    with pytest.raises(Unusable, match="put a reverse proxy before the console"):
        origins_of(Wish(listen))


def test_a_proxy_is_named_by_address_or_network() -> None:
    proxy = proxy_of(Wish("tcp:1", proxies=["10.1.0.0/24", "::1"], proxy_header="X-User"))
    assert proxy is not None
    assert [str(network) for network in proxy.networks] == ["10.1.0.0/24", "::1/128"]
    assert proxy.header == "X-User"
    with pytest.raises(Unusable, match="--proxy takes"):
        proxy_of(Wish("tcp:1", proxies=["everyone"]))
