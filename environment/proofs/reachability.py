"""The way out of the bridge network: where to knock, and who translates the addresses."""

from __future__ import annotations

import ast
import os
import shutil
import socket
import subprocess
import sys
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from pip._internal.models.index import PyPI

if TYPE_CHECKING:
    from environment.settings import Settings
    from environment.stack.network import BridgeNetwork

# pip's own default; it has no public name.
PUBLIC_INDEX: Final[str] = PyPI.simple_url
_INDEX_KEYS: Final = ("index-url", "extra-index-url")
_MASQUERADE_OPTION: Final = "com.docker.network.bridge.enable_ip_masquerade"


def external_probe(settings: Settings) -> tuple[str, int]:
    """Return host and port that containers must reach to be called connected (FR-007).

    ``E2E_EXTERNAL_PROBE`` (``host:port``), by default the package index that pip uses here.
    """
    if settings.e2e_external_probe:
        return parse_endpoint(f"//{settings.e2e_external_probe}")
    return parse_endpoint(index_url(_pip_configuration()))


def parse_endpoint(url: str) -> tuple[str, int]:
    """Return host and port of a URL; the port follows from the scheme where it is not given."""
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError(f"{url!r} names no host")
    return parts.hostname, parts.port or (80 if parts.scheme == "http" else 443)


def index_url(pip_configuration: str) -> str:
    """Pick an index with a host out of ``pip config list``, the public one if there is none.

    The main index goes before the extra ones, the environment's before those of files; an index
    in a folder has nobody to knock at.
    """
    found: dict[str, list[str]] = {key: [] for key in _INDEX_KEYS}
    for line in sorted(pip_configuration.splitlines()):
        name, _, value = line.partition("=")
        key = name.rpartition(".")[2]
        if key in found:
            # pip prints each value as a Python string; there may be several indexes in it.
            found[key] += str(ast.literal_eval(value)).split()
    urls = [url for key in _INDEX_KEYS for url in found[key]]
    return next((url for url in urls if urlsplit(url).hostname), PUBLIC_INDEX)


def is_inside(network: BridgeNetwork, address: str) -> bool:
    """Whether the address lies in one of the network's subnets, or is a container's own."""
    subnets = [config["Subnet"] for config in network.inspect()["IPAM"]["Config"]]
    reached = ip_address(address)
    return reached.is_loopback or any(reached in ip_network(subnet) for subnet in subnets)


def is_of_this_host(address: str) -> bool:
    """Whether the address is one of the host's own, such as a gateway of the engine's.

    Only such an address can be bound to.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as local:
        try:
            local.bind((address, 0))
        except OSError:
            return False
    return True


def translates_addresses(network: BridgeNetwork) -> bool:
    """Whether the host masquerades the network's addresses on their way out.

    The firewall's own table is read where this process may; elsewhere (no root, an engine in
    a virtual machine) the network's option is the engine's word for it.
    """
    inspected = network.inspect()
    if inspected["Options"].get(_MASQUERADE_OPTION, "true") != "true":
        return False
    rules = _translation_rules()
    subnets = [config["Subnet"] for config in inspected["IPAM"]["Config"]]
    return rules is None or all(masquerades(rules, subnet) for subnet in subnets)


def masquerades(rules: str, subnet: str) -> bool:
    """Whether ``iptables -t nat -S POSTROUTING`` holds a rule for the subnet."""
    return any(
        f"-s {subnet} " in rule and rule.rstrip().endswith("-j MASQUERADE")
        for rule in rules.splitlines()
    )


def _translation_rules() -> str | None:
    if os.geteuid() != 0 or shutil.which("iptables") is None or os.environ.get("DOCKER_HOST"):
        return None
    argv = ["iptables", "-w", "-t", "nat", "-S", "POSTROUTING"]
    listing = subprocess.run(argv, capture_output=True, text=True, timeout=10, check=False)
    return listing.stdout if listing.returncode == 0 else None


def _pip_configuration() -> str:
    argv = [sys.executable, "-m", "pip", "config", "list"]
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True).stdout
