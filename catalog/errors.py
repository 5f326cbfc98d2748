"""Exceptions of the catalogue."""

from core.errors import AlreadyExists, DomainError, InUse, InvalidInput, NotFound, PreconditionFailed, VersionMismatch


class ProductNotFound(NotFound):
    pass


class CategoryNotFound(NotFound):
    pass


class PriceChangeNotFound(NotFound):
    pass


class PriceChangeUndone(DomainError):
    code = "invalid_transition"


class SlugTaken(AlreadyExists):
    def __init__(self) -> None:
        super().__init__(fields={"slug": "Slug is already taken"})


class CategoryInUse(InUse):
    def __init__(self, *, products: int, categories: int) -> None:
        super().__init__(
            f"The category still has {products} products and {categories} subcategories: move or delete them first",
            details={"products": products, "categories": categories},
        )


class SkuTaken(AlreadyExists):
    def __init__(self) -> None:
        super().__init__(fields={"sku": "SKU is already taken"})


class StaleProduct(VersionMismatch):
    def __init__(self, *, expected: int, version: int) -> None:
        super().__init__(f"Version is {version}, not {expected}", details={"version": version})


class ProductChanged(PreconditionFailed):
    def __init__(self, unmet: str, *, version: int) -> None:
        super().__init__(f"{unmet} does not match the current product", details={"version": version})


class InvalidProduct(InvalidInput):
    pass
