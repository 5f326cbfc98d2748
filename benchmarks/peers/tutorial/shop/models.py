"""Users, products, orders and their lines."""

# ruff: noqa: DJ008  # nothing shows these rows by their names

from django.db import models


class User(models.Model):
    username = models.CharField(max_length=150)
    email = models.EmailField()

    class Meta:
        db_table = "shop_user"


class Product(models.Model):
    sku = models.CharField(max_length=64, unique=True, null=True)
    name = models.CharField(max_length=200)
    description = models.TextField(default="")
    price = models.DecimalField(max_digits=12, decimal_places=2)
    stock = models.IntegerField(default=0)
    version = models.IntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "shop_product"
        indexes = [models.Index(fields=["created_at", "id"], name="shop_product_created")]
        constraints = [models.CheckConstraint(condition=models.Q(stock__gte=0), name="shop_product_stock")]


class Order(models.Model):
    user = models.ForeignKey(User, models.CASCADE, related_name="orders", null=True)
    status = models.CharField(max_length=16, default="pending")
    total = models.DecimalField(max_digits=15, decimal_places=2, default=0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "shop_order"


class OrderItem(models.Model):
    order = models.ForeignKey(Order, models.CASCADE, related_name="items")
    product = models.ForeignKey(Product, models.PROTECT)
    quantity = models.IntegerField()
    unit_price = models.DecimalField(max_digits=12, decimal_places=2)

    class Meta:
        db_table = "shop_orderitem"
