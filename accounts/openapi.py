"""What the OpenAPI document says of users and tokens."""

from drf_spectacular.utils import extend_schema_view

from accounts.serializers import (
    CredentialsSerializer,
    RefreshSerializer,
    RegistrationSerializer,
    TokenPairSerializer,
    UserSerializer,
)
from ecommerce.rest.openapi import CONDITIONAL, operation

URL = "https://shop.example/api/v1/users/12"
USER = {
    "id": 12,
    "username": "ada",
    "email": "ada@example.com",
    "created_at": "2026-11-22T09:30:00Z",
    "_links": {"self": URL, "orders": f"{URL}/orders"},
}
PAIR = {"access": "eyJhbGciOi...", "refresh": "eyJhbGciOi..."}
REFRESH = {"refresh": "eyJhbGciOi..."}

users = extend_schema_view(
    list=operation(
        "List users", answer=UserSerializer(many=True), got=USER, errors=[304, 403, 412], headers=CONDITIONAL
    ),
    retrieve=operation("Get a user", answer=UserSerializer, got=USER, errors=[304, 412], headers=CONDITIONAL),
    me=operation("Get yourself", answer=UserSerializer, got=USER, errors=[304, 412], headers=CONDITIONAL),
    create=operation(
        "Register",
        request=RegistrationSerializer,
        sent={"username": "ada", "email": "ada@example.com", "password": "correct horse battery"},
        answer=UserSerializer,
        status=201,
        got=USER,
        errors=[409],
    ),
)
obtain_token = extend_schema_view(
    post=operation(
        "Sign in",
        request=CredentialsSerializer,
        sent={"username": "ada", "password": "correct horse battery"},
        answer=TokenPairSerializer,
        got=PAIR,
    )
)
refresh_token = extend_schema_view(
    post=operation(
        "Exchange a refresh token",
        request=RefreshSerializer,
        sent=REFRESH,
        answer=TokenPairSerializer,
        got=PAIR,
        description="A refresh token works once. One that is used again ends its sign-in, the newest token included.",
    )
)
revoke_token = extend_schema_view(
    post=operation("Sign out", request=RefreshSerializer, sent=REFRESH, status=204, description="Ends the sign-in.")
)
