"""Random sequences of operations, good and bad, that can be sent through every door."""

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from orders.transitions import VERBS
from tests.parity.operations import ROLES

# ruff: noqa: RUF001  # full-width letters are the point

FIRST_ID = 1_000  # each run of a sequence begins after this id in every table, so that ids agree between runs
NEAR_IDS = 6  # ids above FIRST_ID that an operation may name: some exist, some are gone, some never existed
STATUSES = ("pending", "paid", "shipped", "delivered", "cancelled", "refunded", "lost")
SORTS = ("id", "-id", "name", "-name", "price", "-price", "stock", "-created_at", "updated_at", "colour")
NAMES = (
    "Tea",
    "Green tea, 100 g",
    "  Pot  ",
    "Straße",
    "STRASSE",
    "İstanbul",
    "Zoë",
    "Zoe\u0308",
    "ＴＥＡ",
    "茶 🍵",
    '"quoted" \\ <b>&amp;</b>',
    "100 %_",
    " ",
    "",
    "n" * 200,
    "n" * 201,
)
NEEDLES = ("tea", "TEA", "o", "ss", "ß", "zoë", "i̇", "100 %_", "茶", "none of them", "x" * 200, "x" * 201)
SKUS = ("TEA", "tea", "Pot-1", "POT-1", "a.b", "", " ", "ä", "x" * 64, "x" * 65)
PRICES = (0.01, 0.1, 1, 2.5, 4, 8, 19.99, 250, 1_000_000, 9_999_999_999.99, 10_000_000_000, 0, -1, 1.234)
STOCKS = (0, 1, 2, 5, 100, 2_147_483_647, -1)
UNITS = (1, 1, 1, 1, 1, 2, 2, 3, 10, 2_147_483_647, 0, -1)
USERNAMES = ("ada", "Ada", "ａｄａ", "grace", "a b", "", "owner", "n" * 80, "n" * 81)
EMAILS = ("ada@example.com", "ADA@EXAMPLE.COM", "grace@example.com", "owner@example.com", "none", "")
PASSWORDS = ("correct horse battery", "wrong", "1", "")


class Operation(NamedTuple):
    """`verb` is a method of every door, sent by the caller of `role`; of `sql` it changes the database by hand."""

    role: str
    verb: str
    args: tuple[Any, ...] = ()
    options: dict[str, Any] = {}  # never changed


def sequence(length: int, seed: str) -> Iterator[Operation]:
    """Yield `length` operations; the same for the same seed."""
    source = random.Random(seed)
    makers, weights = zip(*MAKERS.items(), strict=True)
    for _ in range(length):
        yield source.choices(makers, weights)[0](source)


def _role(source: random.Random) -> str:
    return source.choices(ROLES, (1, 4, 2, 8))[0]


def _id(source: random.Random) -> int:
    return source.choice((0, -1, 2_147_483_647)) if source.random() < 0.03 else FIRST_ID + source.randint(1, NEAR_IDS)


def _product(source: random.Random) -> dict[str, Any]:
    values = {"name": source.choice(NAMES), "price": source.choice(PRICES)}
    if source.random() < 0.7:
        values["stock"] = source.choice(STOCKS)
    if source.random() < 0.4:
        values["sku"] = source.choice(SKUS)
    if source.random() < 0.4:
        values["description"] = source.choice(NAMES)
    return values


def _lines(source: random.Random) -> list[tuple[int, int]]:
    return [(_id(source), source.choice(UNITS)) for _ in range(source.choice((1, 1, 1, 1, 1, 2, 2, 3, 0)))]


def _create(source: random.Random) -> Operation:
    return Operation(_role(source), "create_product", options=_product(source))


def _replace(source: random.Random) -> Operation:
    return Operation(_role(source), "replace_product", (_id(source),), _product(source))


def _update(source: random.Random) -> Operation:
    changes = {name: value for name, value in _product(source).items() if source.random() < 0.5}
    if source.random() < 0.3:
        changes["version"] = source.randint(0, 4)
    return Operation(_role(source), "update_product", (_id(source),), changes)


def _delete(source: random.Random) -> Operation:
    return Operation(_role(source), "delete_product", (_id(source),))


def _batch(source: random.Random) -> Operation:
    return Operation(_role(source), "create_products", ([_product(source) for _ in range(source.randint(0, 4))],))


def _place(source: random.Random) -> Operation:
    key = source.choice((None, None, "a", " a ", "b", "c", "x" * 255, "x" * 256))
    return Operation(_role(source), "place_order", (_lines(source),), {"key": key})


def _move(source: random.Random) -> Operation:
    return Operation(_role(source), "move_order", (source.choice(tuple(VERBS)), _id(source)))


def _read_one(source: random.Random) -> Operation:
    return Operation(_role(source), source.choice(("product", "order", "user", "orders_of")), (_id(source),))


def _read_products(source: random.Random) -> Operation:
    offered = {
        "order_by": SORTS,
        "q": NEEDLES,
        "min_price": PRICES,
        "max_price": PRICES,
        "in_stock": (True, False),
        "size": (1, 2, 100),
    }
    chosen = {name: source.choice(words) for name, words in offered.items() if source.random() < 0.3}
    return Operation(_role(source), "products", options=chosen)


def _read_orders(source: random.Random) -> Operation:
    return Operation(_role(source), "orders", options={"status": source.choice(STATUSES)})


def _read_all(source: random.Random) -> Operation:
    return Operation(_role(source), source.choice(("me", "users", "orders")))


def _register(source: random.Random) -> Operation:
    values = {
        "username": source.choice(USERNAMES),
        "email": source.choice(EMAILS),
        "password": source.choice(PASSWORDS),
    }
    return Operation(_role(source), "register", options=values)


def _sign_in(source: random.Random) -> Operation:
    values = {"username": source.choice(USERNAMES), "password": source.choice(PASSWORDS)}
    return Operation(_role(source), "sign_in", options=values)


def _use_token(source: random.Random) -> Operation:
    return Operation(_role(source), source.choice(("refresh", "refresh", "sign_out")), (source.randint(0, 2),))


def _by_hand(source: random.Random) -> Operation:
    return Operation("sql", source.choice(("delete_order", "switch_user", "change_price")), (_id(source),))


# How often each kind comes, relative to the others.
MAKERS = {
    _create: 8,
    _replace: 3,
    _update: 8,
    _delete: 2,
    _batch: 3,
    _place: 14,
    _move: 14,
    _read_one: 8,
    _read_products: 10,
    _read_orders: 3,
    _read_all: 3,
    _register: 4,
    _sign_in: 4,
    _use_token: 4,
    _by_hand: 2,
}
