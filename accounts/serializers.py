"""Serializers of users and tokens."""

from typing import Any

from rest_framework import serializers

from accounts.models import User
from core.serializers import (
    LinksField,
    NormalizedEmailText,
    NormalizedTextField,
    ShopModelSerializer,
    ShopSerializer,
    TextField,
)
from core.text.normalization import NormalizedCharField, NormalizedEmailField
from core.validation.validators import storable_text


class UserSerializer(ShopModelSerializer):
    _links = LinksField({"self": "user-detail", "orders": "user-orders"})

    class Meta:
        model = User
        fields = ("id", "username", "email", "created_at", "_links")


class RegistrationSerializer(ShopModelSerializer):
    serializer_field_mapping = ShopModelSerializer.serializer_field_mapping | {
        NormalizedCharField: NormalizedTextField,
        NormalizedEmailField: NormalizedEmailText,
    }
    password = TextField(write_only=True, trim_whitespace=False, max_length=128, validators=storable_text)

    class Meta:
        model = User
        fields = ("username", "email", "password")


class CredentialsSerializer(ShopSerializer):
    username = NormalizedTextField(max_length=80)
    password = TextField(trim_whitespace=False, max_length=128, write_only=True)


class RefreshSerializer(ShopSerializer):
    refresh = TextField(max_length=4096, help_text="An unused refresh token.")


class TokenPairSerializer(serializers.Serializer[Any]):
    access = serializers.CharField(help_text="Bearer token for the Authorization header.")
    refresh = serializers.CharField(help_text="Exchange it for a new pair. It works once.")
