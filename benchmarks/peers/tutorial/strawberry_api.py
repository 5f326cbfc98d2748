"""strawberry-django with its optimizer."""

from decimal import Decimal

import strawberry
import strawberry_django
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from strawberry.django.views import GraphQLView
from strawberry_django.optimizer import DjangoOptimizerExtension

from benchmarks.peers.tutorial.shop import models


@strawberry_django.type(models.Product)
class Product:
    id: strawberry.ID
    sku: str | None
    name: str
    price: Decimal
    stock: int


@strawberry_django.type(models.OrderItem)
class OrderItem:
    id: strawberry.ID
    quantity: int
    unit_price: Decimal
    product: Product


@strawberry_django.type(models.Order)
class Order:
    id: strawberry.ID
    status: str
    total: Decimal
    items: list[OrderItem]


@strawberry_django.type(models.User)
class User:
    id: strawberry.ID
    username: str
    email: str
    orders: list[Order]


@strawberry.type
class Query:
    @strawberry_django.field
    def products(self, offset: int = 0, limit: int = 20) -> list[Product]:
        return models.Product.objects.order_by("-created_at", "-id")[offset : offset + limit]

    @strawberry_django.field
    def user(self, id: strawberry.ID) -> User:
        return models.User.objects.filter(pk=id)


schema = strawberry.Schema(Query, extensions=[DjangoOptimizerExtension])
urlpatterns = [path("graphql", csrf_exempt(GraphQLView.as_view(schema=schema)))]
