"""The operations that are measured, and the groups of contestants that are up at the same time."""

from collections.abc import Iterable
from typing import NamedTuple


class Operation(NamedTuple):
    name: str
    title: str
    group: str
    unit: str = "req/s"


OPERATIONS = {
    operation.name: operation
    for operation in (
        Operation("detail", "REST product detail", "REST"),
        Operation("list", "REST list of 20 with total", "REST"),
        Operation("nested", "REST ten orders with their lines", "REST"),
        Operation("order", "REST place an order of 3 lines", "REST"),
        Operation("batch", "REST create 5,000 products in one request", "REST", "rows/s"),
        Operation("graphql_list", "GraphQL list of 20, 5 fields", "GraphQL"),
        Operation("graphql_tree", "GraphQL user, orders, lines, products", "GraphQL"),
        Operation("grpc_get", "gRPC GetProduct", "gRPC"),
        Operation("grpc_list", "gRPC ListProducts(20) with total", "gRPC"),
        Operation("grpc_batch", "gRPC create 5,000 products in one stream", "gRPC", "rows/s"),
    )
}
GROUPS = ("REST", "GraphQL", "gRPC")
REST = ("detail", "list", "nested", "order")
GRAPHQL = ("graphql_list", "graphql_tree")
GRPC = ("grpc_get", "grpc_list")
ON_SQLITE = ("detail", "list", "order")
BATCHES = ("batch", "grpc_batch")  # the last of their groups: they add rows


def operations_in(names: Iterable[str]) -> frozenset[str]:
    """Return the operations named, by themselves or by their group. Raises ValueError."""
    wanted = set(names)
    known = {each for operation in OPERATIONS.values() for each in (operation.name, operation.group)}
    if unknown := wanted - known:
        raise ValueError(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    return frozenset(name for name, operation in OPERATIONS.items() if wanted & {name, operation.group})
