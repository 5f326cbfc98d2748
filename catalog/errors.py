"""Exceptions of the catalogue."""

from core.errors import AlreadyExists, InvalidInput, NotFound, PreconditionFailed, VersionMismatch


class ProductNotFound(NotFound):
    pass


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
