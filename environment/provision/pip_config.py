"""The host's pip configuration, as a container that builds wheels needs it."""

from __future__ import annotations

import ast
import configparser
import io
import os
import ssl
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

CA_IN_CONTAINER = "/etc/ssl/certs/ca-certificates.crt"
CONFIG_IN_CONTAINER = "/etc/pip.conf"

# Those of indexes, whose pages point elsewhere, and of plain folders.
_LOCATIONS = ("index-url", "extra-index-url", "find-links")
_FILES = ("constraint", "client-cert")
# Where the host keeps things, or how it runs pip: nothing to a container that is thrown away.
_OF_THE_HOST_ONLY = frozenset(
    {
        *("cert", "cache-dir", "log", "target", "prefix", "root", "src", "user", "python"),
        *("config-file", "require-virtualenv", "require-venv", "wheel-dir", "requirement"),
        *("break-system-packages", "quiet", "verbose", "no-input", "proxy-file", "trust-store"),
    }
)
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")


@dataclass(frozen=True)
class PipConfig:
    """What to hand into the container: its environment, small files, and folders to show it.

    `files` maps a path in the container to its content; `folders` are shown read-only at the
    path they have on the host, so that no URL needs to be rewritten.
    """

    environment: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    folders: tuple[Path, ...] = ()


def read_pip_config(environment: Mapping[str, str] = os.environ) -> PipConfig:
    """The configuration that pip has on this host, from its files and PIP_* variables."""
    return translate(_listed(), environment)


def translate(options: Mapping[str, str], environment: Mapping[str, str]) -> PipConfig:
    """Turn pip's options (`section.name` -> value) and the environment into a container's.

    Files that options name are copied, folders shown; the certificates this host trusts are
    put where both Debian and pip look for them.
    """
    kept = {
        key: value
        for key, value in options.items()
        if key.partition(".")[2] not in _OF_THE_HOST_ONLY
    }
    variables = {
        name: value
        for name, value in environment.items()
        if name.startswith("PIP_") and _option(name) not in _OF_THE_HOST_ONLY
    }
    named = [(key.partition(".")[2], value) for key, value in kept.items()]
    named += [(_option(name), value) for name, value in variables.items()]

    files = {CONFIG_IN_CONTAINER: _rendered(kept)}
    folders: dict[Path, None] = {}
    for option, value in named:
        for location in value.split():
            path = _local_path(location)
            if path is None or not path.exists():
                continue
            if option in _LOCATIONS:
                folders[_shown(path, is_index=option != "find-links")] = None
            elif option in _FILES and path.is_file():
                files[str(path)] = path.read_bytes()

    variables |= {n: v for n, v in environment.items() if n.lower() in _PROXIES}
    bundle = _trusted(options, environment)
    if bundle is not None:
        files[CA_IN_CONTAINER] = bundle.read_bytes()
        trust = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
        variables |= dict.fromkeys(trust, CA_IN_CONTAINER)
    return PipConfig(variables, files, tuple(folders))


def _listed() -> dict[str, str]:
    """Every option pip reads from its files; none where this Python has no pip."""
    listing = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    options = {}
    for line in listing.stdout.splitlines():
        key, separator, value = line.partition("=")
        if separator and not key.startswith(":env:"):
            options[key] = str(ast.literal_eval(value))
    return options


def _option(variable: str) -> str:
    return variable.removeprefix("PIP_").lower().replace("_", "-")


def _rendered(options: Mapping[str, str]) -> bytes:
    config = configparser.RawConfigParser()
    for key, value in options.items():
        section, _, name = key.partition(".")
        if not config.has_section(section):
            config.add_section(section)
        config.set(section, name, value)
    text = io.StringIO()
    config.write(text)
    return text.getvalue().encode()


def _local_path(location: str) -> Path | None:
    """The path a location names, or None for one on the network."""
    parts = urlsplit(location)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if parts.scheme or not location.startswith("/"):
        return None
    return Path(location)


def _shown(location: Path, *, is_index: bool) -> Path:
    """The folder to show: an index's pages name files that lie beside the index, so its parent."""
    folder = location if location.is_dir() else location.parent
    return folder.parent if is_index and folder.parent != Path("/") else folder


def _trusted(options: Mapping[str, str], environment: Mapping[str, str]) -> Path | None:
    candidates = [
        environment.get("PIP_CERT"),
        *(value for key, value in options.items() if key.endswith(".cert")),
        environment.get("REQUESTS_CA_BUNDLE"),
        environment.get("SSL_CERT_FILE"),
        ssl.get_default_verify_paths().cafile,
        CA_IN_CONTAINER,
        "/etc/pki/tls/certs/ca-bundle.crt",
    ]
    return next((Path(c) for c in candidates if c and Path(c).is_file()), None)
