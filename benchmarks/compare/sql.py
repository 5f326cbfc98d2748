"""The operations as scripts of pgbench: the same statements as the bare servers send."""

import re

from benchmarks.compare.samples import Sample
from benchmarks.peers import statements


def script(operation: str, sample: Sample) -> str:
    """Return the script of an operation, with random ids in the range of the sample."""
    first, last = sample.product_ids[0], sample.product_ids[-1]
    third = (last - first) // 3
    readers = [reader.user_id for reader in sample.readers]
    scripts = {
        "detail": [f"\\set id random({first}, {last})", bound(statements.PRODUCT, ":id")],
        "list": ["\\set skip 20 * random(0, 9)", bound(statements.PAGE, ":skip"), bound(statements.COUNT)],
        "nested": [
            _one_of("id", readers),
            *(bound(sql, ":id") for sql in (statements.USER, statements.ORDERS, statements.LINES)),
        ],
        "order": [
            _one_of("buyer", [buyer.user_id for buyer in sample.buyers]),
            *(
                f"\\set {name} random({first + place * third}, {first + (place + 1) * third - 1})"
                for place, name in enumerate("abc")
            ),
            "begin;",
            bound(statements.LOCK, "array[:a, :b, :c]"),
            bound(statements.NEW_ORDER, ":buyer", "40.00").replace(";", " \\gset"),
            bound(statements.NEW_LINES, ":id", "array[:a, :b, :c]", "array[1, 1, 2]", "array[10.00, 10.00, 10.00]"),
            bound(statements.TAKE_STOCK, "array[:a, :b, :c]", "array[1, 1, 2]"),
            "commit;",
        ],
    }
    return "\n".join(scripts[operation]) + "\n"


def bound(sql: str, *values: str) -> str:
    """Return a statement with an expression in place of each `$n`."""
    return re.sub(r"\$(\d)", lambda mark: values[int(mark[1]) - 1], sql) + ";"


def _one_of(name: str, values: list[int]) -> str:
    cases = " ".join(f"when :place = {place} then {value}" for place, value in enumerate(values))
    return f"\\set place random(0, {len(values) - 1})\n\\set {name} case {cases} end"
