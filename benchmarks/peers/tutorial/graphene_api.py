"""Stock graphene-django."""

import graphene
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from graphene_django import DjangoObjectType
from graphene_django.views import GraphQLView

from benchmarks.peers.tutorial.shop.models import Order, OrderItem, Product, User


class ProductType(DjangoObjectType):
    class Meta:
        model = Product
        fields = ["id", "sku", "name", "description", "price", "stock"]


class OrderItemType(DjangoObjectType):
    class Meta:
        model = OrderItem
        fields = ["id", "quantity", "unit_price", "product"]


class OrderType(DjangoObjectType):
    class Meta:
        model = Order
        fields = ["id", "status", "total", "created_at", "items"]


class UserType(DjangoObjectType):
    class Meta:
        model = User
        fields = ["id", "username", "email", "orders"]


class Query(graphene.ObjectType):
    products = graphene.List(ProductType, offset=graphene.Int(), limit=graphene.Int())
    user = graphene.Field(UserType, id=graphene.ID())

    def resolve_products(self, info, offset=0, limit=20):
        return Product.objects.order_by("-created_at", "-id")[offset : offset + limit]

    def resolve_user(self, info, id):
        return User.objects.get(pk=id)


schema = graphene.Schema(query=Query)
urlpatterns = [path("graphql", csrf_exempt(GraphQLView.as_view(graphiql=False)))]
