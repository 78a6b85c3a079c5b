"""AMF0, the encoding of RTMP commands and metadata (Adobe "AMF 0" specification, 2006)."""

import struct
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import TypeAlias

from media_server.errors import Reason, Refused

Value: TypeAlias = "bool | float | int | str | Mapping[str, Value] | Sequence[Value] | None"


class _Marker(IntEnum):
    NUMBER = 0x00
    BOOLEAN = 0x01
    STRING = 0x02
    OBJECT = 0x03
    NULL = 0x05
    UNDEFINED = 0x06
    ECMA_ARRAY = 0x08
    OBJECT_END = 0x09
    STRICT_ARRAY = 0x0A
    DATE = 0x0B
    LONG_STRING = 0x0C


_MAX_DEPTH = 16
_MAX_VALUES = 4096


def decode(data: bytes) -> list[Value]:
    """Return the values that ``data`` holds one after the other.

    Null, undefined and dates all become ``None``: nothing here has a use for a date.

    Raises:
        Refused: truncated, nested too deeply, too many values, or a type AMF0 commands never use.
    """
    decoder = _Decoder(data)
    values: list[Value] = []
    while not decoder.at_end:
        values.append(decoder.value(0))
    return values


def encode(*values: Value) -> bytes:
    """Return ``values`` one after the other in AMF0.

    Raises:
        ValueError: a key longer than 65535 bytes, or a value AMF0 cannot carry.
    """
    return b"".join(_encode_value(value) for value in values)


class _Decoder:
    """A cursor over one AMF0 body, with bounds on depth and on the number of values."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._offset = 0
        self._values = 0

    @property
    def at_end(self) -> bool:
        return self._offset >= len(self._data)

    def value(self, depth: int) -> Value:  # noqa: PLR0911 - one for each type
        self._values += 1
        if depth > _MAX_DEPTH or self._values > _MAX_VALUES:
            raise Refused(Reason.BAD_AMF, "invalid AMF0: nested too deeply or too many values")
        marker = self._take(1)[0]
        match marker:
            case _Marker.NUMBER:
                return float(struct.unpack(">d", self._take(8))[0])
            case _Marker.BOOLEAN:
                return self._take(1)[0] != 0
            case _Marker.STRING:
                return self._text(2)
            case _Marker.LONG_STRING:
                return self._text(4)
            case _Marker.NULL | _Marker.UNDEFINED:
                return None
            case _Marker.OBJECT:
                return self._properties(depth)
            case _Marker.ECMA_ARRAY:
                # The count that stands here is a hint only; encoders get it wrong.
                self._take(4)
                return self._properties(depth)
            case _Marker.STRICT_ARRAY:
                count = self._unsigned(4)
                if count > _MAX_VALUES:
                    raise Refused(Reason.BAD_AMF, f"invalid AMF0: array of {count} values")
                return [self.value(depth + 1) for _ in range(count)]
            case _Marker.DATE:
                self._take(10)
                return None
            case _:
                raise Refused(Reason.BAD_AMF, f"invalid AMF0: unknown type 0x{marker:02x}")

    def _properties(self, depth: int) -> dict[str, Value]:
        properties: dict[str, Value] = {}
        while True:
            key = self._text(2)
            if not key:
                if self._take(1)[0] != _Marker.OBJECT_END:
                    raise Refused(Reason.BAD_AMF, "invalid AMF0: object without an end")
                return properties
            properties[key] = self.value(depth + 1)

    def _text(self, length_bytes: int) -> str:
        return self._take(self._unsigned(length_bytes)).decode("utf-8", "replace")

    def _unsigned(self, size_bytes: int) -> int:
        return int.from_bytes(self._take(size_bytes), "big")

    def _take(self, size_bytes: int) -> bytes:
        end = self._offset + size_bytes
        if end > len(self._data):
            raise Refused(Reason.BAD_AMF, "invalid AMF0: truncated")
        taken = self._data[self._offset : end]
        self._offset = end
        return taken


def _encode_value(value: Value) -> bytes:  # noqa: PLR0911 - one for each type
    match value:
        case None:
            return bytes([_Marker.NULL])
        case bool():
            return bytes([_Marker.BOOLEAN, value])
        case int() | float():
            return bytes([_Marker.NUMBER]) + struct.pack(">d", value)
        case str():
            text = value.encode("utf-8")
            if len(text) > 0xFFFF:
                return bytes([_Marker.LONG_STRING]) + struct.pack(">I", len(text)) + text
            return bytes([_Marker.STRING]) + struct.pack(">H", len(text)) + text
        case Mapping():
            return b"".join(
                (bytes([_Marker.OBJECT]), *map(_encode_property, value.items()), b"\x00\x00\x09")
            )
        case Sequence():
            return b"".join(
                (
                    bytes([_Marker.STRICT_ARRAY]),
                    struct.pack(">I", len(value)),
                    *map(_encode_value, value),
                )
            )
        case _:
            raise ValueError(f"AMF0 cannot carry {type(value).__name__}")


def _encode_property(item: tuple[str, Value]) -> bytes:
    key = item[0].encode("utf-8")
    if not key or len(key) > 0xFFFF:
        raise ValueError("AMF0 keys are 1 to 65535 bytes long")
    return struct.pack(">H", len(key)) + key + _encode_value(item[1])
