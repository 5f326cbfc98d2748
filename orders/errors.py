"""The errors of orders."""

from collections.abc import Iterable, Mapping

from core.errors import DomainError, InvalidInput, NotFound


class OrderNotFound(NotFound):
    pass


class UnknownProduct(InvalidInput):
    def __init__(self, product_ids: Iterable[int]) -> None:
        ids = sorted(product_ids)
        super().__init__(fields={"items": "; ".join(f"Product {pk} does not exist" for pk in ids)})


class OutOfStock(DomainError):
    """`units_left` maps the id of each product with too little stock to its remaining units."""

    code = "out_of_stock"

    def __init__(self, units_left: Mapping[int, int]) -> None:
        texts = (f"Product {pk} has {left} left" for pk, left in sorted(units_left.items()))
        super().__init__("; ".join(texts), details={"units_left": {str(pk): left for pk, left in units_left.items()}})


class InvalidTransition(DomainError):
    code = "invalid_transition"
