"""Placing an order with the ORM: lock the products, check, insert line by line."""

from django.db import transaction

from benchmarks.peers.tutorial.shop.models import Order, OrderItem, Product


class OutOfStock(Exception):
    pass


@transaction.atomic
def place(user_id: int, wanted: list[tuple[int, int]]) -> Order:
    """Place an order of [(product id, quantity)]. Raises OutOfStock."""
    ids = [product_id for product_id, _ in wanted]
    found = {product.pk: product for product in Product.objects.select_for_update().filter(pk__in=ids).order_by("pk")}
    total = sum(found[product_id].price * quantity for product_id, quantity in wanted)
    order = Order.objects.create(user_id=user_id, total=total)
    for product_id, quantity in wanted:
        product = found[product_id]
        if product.stock < quantity:
            raise OutOfStock
        OrderItem.objects.create(order=order, product=product, quantity=quantity, unit_price=product.price)
        product.stock -= quantity
        product.save(update_fields=["stock", "updated_at"])
    return order
