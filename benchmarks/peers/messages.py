"""From rows to the messages of the bare gRPC servers."""

from protos import product_pb2 as pb


def product(row) -> pb.Product:
    product_id, sku, name, description, price, stock, version, created_at, updated_at = row
    return pb.Product(
        id=product_id,
        sku=sku,
        name=name,
        description=description,
        price=float(price),
        stock=stock,
        version=version,
        created_at=int(created_at.timestamp()),
        updated_at=int(updated_at.timestamp()),
    )


def page(request, rows, total: int) -> pb.ListProductsResponse:
    pages = -(-total // 20)
    return pb.ListProductsResponse(products=map(product, rows), total=total, page=request.page, total_pages=pages)
