"""The keys of ``mediamtx.yml`` that the stand-in knows, read once into typed objects."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml


class ConfigError(Exception):
    """The configuration cannot be used; ``str()`` names the key."""


@dataclass(frozen=True)
class Permission:
    """One thing a user may do; ``path``: a name, ``~`` and a regular expression, or empty (any)."""

    action: str
    path: str = ""


@dataclass(frozen=True)
class User:
    """An entry of ``authInternalUsers``; the name ``any`` needs no credentials."""

    name: str
    password: str
    permissions: tuple[Permission, ...]


@dataclass(frozen=True)
class PathConfig:
    """Settings of the paths that ``name`` matches (a name, ``~`` and a regular expression, or
    ``all_others``)."""

    name: str
    override_publisher: bool = True
    record: bool = False
    record_path: str = "./recordings/%path/%Y-%m-%d_%H-%M-%S-%f"


@dataclass(frozen=True)
class Address:
    """Where to listen; an empty host means every interface, port 0 any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Config:
    """Everything the stand-in takes from the configuration; the defaults are MediaMTX's."""

    log_level: str = "info"
    read_timeout_s: float = 10.0
    users: tuple[User, ...] = (User("any", "", (Permission("publish"), Permission("read"))),)
    api: bool = False
    api_address: Address = Address("", 9997)
    rtmp: bool = True
    rtmp_address: Address = Address("", 1935)
    rtsp: bool = True
    rtsp_address: Address = Address("", 8554)
    paths: tuple[PathConfig, ...] = (PathConfig("all_others"),)


def load(file: Path) -> Config:
    """Read the configuration in ``file``.

    Raises:
        ConfigError: not readable, not YAML, or a known key with a value of the wrong kind.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{file}: {error}") from error
    if content is None:
        content = {}
    if not isinstance(content, Mapping):
        raise ConfigError(f"{file}: not a mapping")
    return _config(_Section("", content))


class _Section:
    """A mapping of the file with readers for each kind of value; missing keys give the default."""

    def __init__(self, name: str, values: Mapping[str, Any]) -> None:
        self._name = name
        self._values = values

    def _get(self, key: str, default: Any) -> Any:
        value = self._values.get(key)
        return default if value is None else value

    def error(self, key: str, problem: str) -> ConfigError:
        return ConfigError(f"{self._name}{key}: {problem}")

    def flag(self, key: str, default: bool) -> bool:
        value = self._get(key, default)
        if not isinstance(value, bool):
            raise self.error(key, f"{value!r} is neither true nor false")
        return value

    def text(self, key: str, default: str) -> str:
        value = self._get(key, default)
        if isinstance(value, list | Mapping):
            raise self.error(key, "is not a string")
        return str(value)

    def duration_s(self, key: str, default: float) -> float:
        value = self.text(key, f"{default}s")
        pieces = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", value)
        if not pieces or "".join(number + unit for number, unit in pieces) != value:
            raise self.error(key, f"{value!r} is not a duration such as 10s")
        unit_s = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
        return sum(float(number) * unit_s[unit] for number, unit in pieces)

    def address(self, key: str, default: Address) -> Address:
        value = self.text(key, str(default))
        host, separator, port = value.rpartition(":")
        if not separator or not port.isdigit() or int(port) > 0xFFFF:
            raise self.error(key, f"{value!r} is not an address such as :1935")
        return Address(host.strip("[]"), int(port))

    def section(self, key: str) -> "_Section":
        value = self._get(key, {})
        if not isinstance(value, Mapping):
            raise self.error(key, "is not a mapping")
        return _Section(f"{self._name}{key}.", value)

    def sections(self, key: str) -> list["_Section"]:
        value = self._get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            raise self.error(key, "is not a list of mappings")
        return [_Section(f"{self._name}{key}[{n}].", item) for n, item in enumerate(value)]

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def keys(self) -> list[str]:
        return [str(key) for key in self._values]


def _config(root: _Section) -> Config:
    default = Config()
    return Config(
        log_level=root.text("logLevel", default.log_level),
        read_timeout_s=root.duration_s("readTimeout", default.read_timeout_s),
        users=_users(root) if "authInternalUsers" in root else default.users,
        api=root.flag("api", default.api),
        api_address=root.address("apiAddress", default.api_address),
        rtmp=root.flag("rtmp", default.rtmp),
        rtmp_address=root.address("rtmpAddress", default.rtmp_address),
        rtsp=root.flag("rtsp", default.rtsp),
        rtsp_address=root.address("rtspAddress", default.rtsp_address),
        paths=_paths(root),
    )


def _users(root: _Section) -> tuple[User, ...]:
    return tuple(
        User(
            section.text("user", ""),
            section.text("pass", ""),
            tuple(map(_permission, section.sections("permissions"))),
        )
        for section in root.sections("authInternalUsers")
    )


def _permission(section: _Section) -> Permission:
    path = section.text("path", "")
    _check_expression(path, section.error)
    return Permission(section.text("action", ""), path)


def _paths(root: _Section) -> tuple[PathConfig, ...]:
    base = _path("", root.section("pathDefaults"), PathConfig(""))
    paths = root.section("paths")
    return tuple(_path(name, paths.section(name), base) for name in paths.keys())  # noqa: SIM118


def _check_expression(name: str, error_for: Callable[[str, str], ConfigError]) -> None:
    if name.startswith("~"):
        try:
            re.compile(name[1:])
        except re.error as error:
            raise error_for("path", f"{name!r} is no regular expression: {error}") from error


def _path(name: str, section: _Section, base: PathConfig) -> PathConfig:
    _check_expression(name, section.error)
    return PathConfig(
        name,
        section.flag("overridePublisher", base.override_publisher),
        section.flag("record", base.record),
        section.text("recordPath", base.record_path),
    )
