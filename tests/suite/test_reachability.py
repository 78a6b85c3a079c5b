"""The way out: which probe, and whether the firewall's table translates a subnet."""

from dataclasses import dataclass
from typing import Any, cast

import pytest

from environment.proofs import reachability
from environment.settings import Settings
from environment.stack.network import BridgeNetwork

RULES = """\
-P POSTROUTING ACCEPT
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A POSTROUTING -s 172.18.0.0/16 -d 172.18.0.0/16 -j ACCEPT
"""


def test_the_variable_names_the_probe() -> None:
    settings = Settings(e2e_external_probe="probe.example:8443")
    assert reachability.external_probe(settings) == ("probe.example", 8443)


@pytest.mark.parametrize(
    ("listing", "url"),
    [
        ("", reachability.PUBLIC_INDEX),
        ("global.index-url='https://a.example/simple'", "https://a.example/simple"),
        ("global.extra-index-url='http://b.example/x'", "http://b.example/x"),
        (
            ":env:.index-url='https://env.example'\nglobal.index-url='https://a.example'",
            "https://env.example",
        ),
        (
            "global.index-url='file:///srv/x'\nglobal.extra-index-url='https://d.example'",
            "https://d.example",
        ),
        ("global.index-url='file:///srv/x'", reachability.PUBLIC_INDEX),
        ("global.timeout='60'\nglobal.extra-index-url='\\nhttps://c.example'", "https://c.example"),
    ],
)
def test_pip_configuration_names_the_index(listing: str, url: str) -> None:
    assert reachability.index_url(listing) == url


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://a.example/simple", ("a.example", 443)),
        ("http://a.example/simple", ("a.example", 80)),
        ("http://a.example:8081/", ("a.example", 8081)),
        ("//a.example", ("a.example", 443)),
    ],
)
def test_endpoint_of_a_url(url: str, endpoint: tuple[str, int]) -> None:
    assert reachability.parse_endpoint(url) == endpoint


def test_an_endpoint_needs_a_host() -> None:
    with pytest.raises(ValueError, match="names no host"):
        reachability.parse_endpoint("/simple")


def test_masquerade_is_found_for_its_subnet_only() -> None:
    assert reachability.masquerades(RULES, "172.17.0.0/16")
    assert not reachability.masquerades(RULES, "172.18.0.0/16")


@dataclass
class Network:
    options: dict[str, str]

    def inspect(self) -> dict[str, Any]:
        return {"Options": self.options, "IPAM": {"Config": [{"Subnet": "172.18.0.0/16"}]}}


def test_an_option_against_masquerade_decides() -> None:
    network = Network({"com.docker.network.bridge.enable_ip_masquerade": "false"})
    assert not reachability.translates_addresses(cast("BridgeNetwork", network))


@pytest.mark.parametrize(
    ("address", "inside"),
    [("172.18.0.1", True), ("172.18.9.9", True), ("127.0.0.1", True), ("172.19.0.1", False)],
)
def test_the_subnet_tells_what_is_inside(address: str, inside: bool) -> None:
    assert reachability.is_inside(cast("BridgeNetwork", Network({})), address) == inside


def test_the_loopback_is_this_host_and_a_foreign_address_is_not() -> None:
    assert reachability.is_of_this_host("127.0.0.1")
    assert not reachability.is_of_this_host("203.0.113.254")
