"""The text of protos/v2/shop.proto: all other .proto files in one, with types of its own for money, moments and enums.

The comments are derived too. The values of an enum are the words that the comment of its field lists, numbered in the
order of the list: append new words.
"""

import re
from functools import partial
from pathlib import Path
from re import Match

ENUMS = {  # of fields that are texts in the first version
    "Order.status": "OrderStatus",
    "ListOrdersRequest.status": "OrderStatus",
    "ListUserOrdersRequest.status": "OrderStatus",
    "BatchMoveRequest.verb": "OrderVerb",
    "ProductUpdate.kind": "ChangeKind",
}
PLAIN_NUMBERS = ("percent",)  # fields of type double that are not money
MOMENT = re.compile(r"(\w+_)?at|timestamp")  # names of fields of type int64
REWORDED = {
    r", in major units( of the shop's currency)?(, two decimals)?": "",
    "Unix seconds": "whole seconds",
}

_HEAD = """\
// Written by `python manage.py makeprotos` from the .proto files of package `ecommerce`: change those.
//
// The shop's services with types of their own for money, moments and statuses. Methods, fields, numbers and rules are
// those of package `ecommerce`, which stays as it is. Compiles by itself with `-I protos/v2`.
syntax = "proto3";

package ecommerce.v2;

import "google/protobuf/timestamp.proto";

option go_package = "shop.example/ecommerce/v2;ecommercev2";
"""
_MONEY = """
// An amount of money, as google.type.Money: `units` and `nanos` have the same sign.
message Money {
  // ISO 4217. In a request it may be empty: then it is the shop's currency.
  string currency_code = 1;
  // Whole units.
  int64 units = 2;
  // Billionths of a unit; the shop has cents, which are multiples of 10,000,000.
  int32 nanos = 3;
}
"""

_PREAMBLE = re.compile(r".*?^option go_package.*?\n", re.MULTILINE | re.DOTALL)
_MESSAGE = re.compile(r"^message (\w+) \{\n.*?^\}\n", re.MULTILINE | re.DOTALL)
_FIELD = re.compile(r"(?P<comment>(?:^  //.*\n)+)  (?P<label>optional )?(?P<type>\w+) (?P<name>\w+) =", re.MULTILINE)
_WORD = re.compile(r"^  // - (\w+): (.*)\n", re.MULTILINE)


def second_protos(folder: Path) -> str:
    """Return the .proto file of package `ecommerce.v2`, made from all .proto files in the folder."""
    first = "".join(_PREAMBLE.sub("", path.read_text(), count=1) for path in sorted(folder.glob("*.proto")))
    enums: list[str] = []
    return _HEAD + _MESSAGE.sub(partial(_message, enums), first) + _MONEY + "".join(enums)


def _message(enums: list[str], message: Match[str]) -> str:
    return _FIELD.sub(partial(_field, enums, message[1]), message[0])


def _field(enums: list[str], message: str, field: Match[str]) -> str:
    comment, label = field["comment"], field["label"] or ""
    for old, new in REWORDED.items():
        comment = re.sub(old, new, comment)
    kind = field["type"]
    if kind == "double" and field["name"] not in PLAIN_NUMBERS:
        kind, label = "Money", ""  # a message may be unset without `optional`
    elif kind == "int64" and MOMENT.fullmatch(field["name"]):
        kind, label = "google.protobuf.Timestamp", ""
    elif enum := ENUMS.get(f"{message}.{field['name']}"):
        kind, words = enum, _WORD.findall(comment)
        comment = _WORD.sub("", comment).replace(":\n", ".\n").replace("empty means", "unspecified means")
        if words:
            enums.append(_enum(enum, comment, words))
    return f"{comment}  {label}{kind} {field['name']} ="


def _enum(name: str, comment: str, words: list[tuple[str, str]]) -> str:
    prefix = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()  # as buf demands: ORDER_STATUS_PAID
    values = [("unspecified", "not set."), *words]
    lines = [
        f"  // {meaning[0].upper()}{meaning[1:]}\n  {prefix}_{word.upper()} = {number};\n"
        for number, (word, meaning) in enumerate(values)
    ]
    return f"\n{comment.replace('  //', '//')}enum {name} {{\n{''.join(lines)}}}\n"
