"""Lists below a row, such as the orders of a user: only the rows of this parent are listed."""

from typing import Any

from core.actors import Actor
from core.lists.bound import Bound
from core.permissions import require
from core.plans.reads import Reads
from core.querysets import ShopQuerySet

PARENT = Bound("parent")


class Parent:
    """The parents are `rows`; `column` of a listed row has the id of its parent."""

    def __init__(self, rows: ShopQuerySet[Any], column: str) -> None:
        self.rows, self.column = rows, column
        self._reads = Reads(rows, ["pk"])

    def check(self, caller: Actor, pk: int) -> None:
        """Check that the caller may see the parent. Raises the exceptions of `ShopQuerySet.one`. One statement."""
        require(caller, self.rows.readers)
        if self._reads.row(caller, pk) is None:
            raise self.rows.missing(pk)

    def below(self, rows: ShopQuerySet[Any], pk: int | Bound = PARENT) -> ShopQuerySet[Any]:
        """Return the rows of one parent; its id is bound as `parent`, if it is not given."""
        return rows.filter(**{self.column: pk})
