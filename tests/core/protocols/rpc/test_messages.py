"""The fast reader of messages returns what protobuf's own JSON form has."""

import json
from random import Random
from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor

from core.protocols.rpc.messages import json_data_of, reader_of
from ecommerce.urls import grpc_services

# The second version translates this message, with its Timestamp, to that of the first one before it is read.
TRANSLATED = "ecommerce.v2.ProductUpdate"
REQUESTS = sorted(
    {method.input_type for service in grpc_services() for method in service.descriptor.methods},
    key=lambda kind: kind.full_name,
)
VALUES = {
    FieldDescriptor.TYPE_STRING: ["", "Tea", "Zoë 🫖", "\0"],
    FieldDescriptor.TYPE_DOUBLE: [0.0, -0.0, 1.0, 19.99, 1e22, 5e-324, float("inf"), float("-inf"), float("nan")],
    FieldDescriptor.TYPE_BOOL: [False, True],
    FieldDescriptor.TYPE_BYTES: [b"", b"\x00\xff\xfe", b"Tea"],
}
INTEGERS = [0, 1, -1, 2**31 - 1, -(2**31)]


def filled(kind: Any, rng: Random) -> Any:
    """Return a message, each of whose fields is left out or set."""
    message = kind._concrete_class()
    for field in kind.fields:
        if rng.random() < 0.3:
            continue
        if field.is_repeated and field.message_type:
            getattr(message, field.name).extend(filled(field.message_type, rng) for _ in range(rng.randint(0, 3)))
        elif field.is_repeated:
            getattr(message, field.name).extend(rng.choices(VALUES.get(field.type, INTEGERS), k=2))
        elif field.message_type:
            getattr(message, field.name).CopyFrom(filled(field.message_type, rng))
        else:
            setattr(message, field.name, rng.choice(VALUES.get(field.type, INTEGERS)))
    return message


@pytest.mark.parametrize(
    "kind", [kind for kind in REQUESTS if kind.full_name != TRANSLATED], ids=lambda kind: kind.name
)
def test_reader_returns_the_json_form(kind: Any) -> None:
    read, rng = reader_of(kind), Random(5)

    assert read is not None, "a field that the reader does not know: every call would be slow"
    for _ in range(200):
        message = filled(kind, rng)
        assert json.dumps(read(message), sort_keys=True) == json.dumps(json_data_of(message), sort_keys=True)
