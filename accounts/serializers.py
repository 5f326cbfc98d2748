"""What of users and tokens goes in and out."""

from rest_framework import serializers

from accounts.models import User
from ecommerce.serializers import LinksField, ShopModelSerializer, ShopSerializer, TextField
from ecommerce.validators import storable_text


class UserSerializer(ShopModelSerializer):
    _links = LinksField({"self": "user-detail", "orders": "user-orders"})

    class Meta:
        model = User
        fields = ("id", "username", "email", "created_at", "_links")


class RegistrationSerializer(ShopModelSerializer):
    password = TextField(write_only=True, trim_whitespace=False, max_length=128, validators=storable_text)

    class Meta:
        model = User
        fields = ("username", "email", "password")


class CredentialsSerializer(ShopSerializer):
    username = TextField(max_length=80)
    password = TextField(trim_whitespace=False, max_length=128, write_only=True)


class RefreshSerializer(ShopSerializer):
    refresh = TextField(max_length=4096, help_text="A refresh token, not used before.")


class TokenPairSerializer(serializers.Serializer):
    access = serializers.CharField(help_text="Bearer token for the header Authorization.")
    refresh = serializers.CharField(help_text="Exchanged, once, for a new pair.")
