"""Just enough of the ONNX file format to see whether a model keeps tensors outside its file.

The `onnx` package is not a run-time dependency, and a runtime that resolves such references by itself would
read files that no checksum covers (and, with a hostile path, files of the user). Field numbers: onnx.proto3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

# message -> {field number: message inside}: every road that leads to a tensor
_CHILDREN: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_TENSOR_EXTERNAL_DATA, _TENSOR_DATA_LOCATION, _LOCATION_EXTERNAL = 13, 14, 1
_ENTRY_KEY, _ENTRY_VALUE = 1, 2
_MAX_DEPTH = 64  # of nested subgraphs; protobuf itself stops at 100


def external_data(content: bytes) -> str | None:
    """Where the first tensor kept outside the file lies ("" if it does not say), or None if all is inside.

    Raises ValueError if the bytes are not an ONNX model at all.
    """
    view = memoryview(content)
    if not any(number == 7 and isinstance(value, memoryview) for number, value in _fields(view)):
        raise ValueError("no graph in it")
    return _search(view, "model", 0)


def _search(message: memoryview, kind: str, depth: int) -> str | None:
    if depth > _MAX_DEPTH:
        raise ValueError(f"graphs nested more than {_MAX_DEPTH} deep")
    if kind == "tensor":
        return _tensor_location(message)
    children = _CHILDREN[kind]
    for number, value in _fields(message):
        if number in children and isinstance(value, memoryview):
            location = _search(value, children[number], depth + 1)
            if location is not None:
                return location
    return None


def _tensor_location(tensor: memoryview) -> str | None:
    """None for a tensor that holds its own data."""
    external, location = False, ""
    for number, value in _fields(tensor):
        if number == _TENSOR_DATA_LOCATION:
            external |= value == _LOCATION_EXTERNAL
        elif number == _TENSOR_EXTERNAL_DATA and isinstance(value, memoryview):
            external = True
            entry = {key: bytes(text) for key, text in _fields(value) if isinstance(text, memoryview)}
            if entry.get(_ENTRY_KEY) == b"location":
                location = entry.get(_ENTRY_VALUE, b"").decode("utf-8", "replace")
    return location if external else None


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(field number, value) of one message; values of fixed width are skipped, nothing here needs them."""
    position, end = 0, len(message)
    while position < end:
        key, position = _varint(message, position)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, position = _varint(message, position)
            yield number, value
        elif wire == _BYTES:
            length, position = _varint(message, position)
            if position + length > end:
                raise ValueError("a field is longer than the file")
            yield number, message[position : position + length]
            position += length
        elif wire in (_FIXED64, _FIXED32):
            position += 8 if wire == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire} at byte {position}")
    if position != end:
        raise ValueError("a field is longer than the file")


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(message):
            raise ValueError("it ends in the middle of a number")
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ValueError("a number is longer than 64 bits")
