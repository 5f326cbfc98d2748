"""OpenAPI descriptions of users and tokens."""

from drf_spectacular.utils import extend_schema_view

from accounts.serializers import (
    CredentialsSerializer,
    RefreshSerializer,
    RegistrationSerializer,
    TokenPairSerializer,
    UserSerializer,
)
from core.openapi.documents import CONDITIONAL, operation

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
        "listUsers",
        "List users",
        answer=UserSerializer(many=True),
        got=USER,
        errors=[304, 403, 412],
        headers=CONDITIONAL,
    ),
    retrieve=operation(
        "getUser", "Get a user", answer=UserSerializer, got=USER, errors=[304, 412], headers=CONDITIONAL
    ),
    me=operation("getMe", "Get your own user", answer=UserSerializer, got=USER, errors=[304, 412], headers=CONDITIONAL),
    create=operation(
        "registerUser",
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
        "signIn",
        "Sign in",
        request=CredentialsSerializer,
        sent={"username": "ada", "password": "correct horse battery"},
        answer=TokenPairSerializer,
        got=PAIR,
        errors=[401],
    )
)
refresh_token = extend_schema_view(
    post=operation(
        "refreshToken",
        "Exchange a refresh token",
        request=RefreshSerializer,
        sent=REFRESH,
        answer=TokenPairSerializer,
        got=PAIR,
        errors=[401],
        description="A refresh token works once. If it is used again, its sign-in ends and all its tokens are revoked.",
    )
)
revoke_token = extend_schema_view(
    post=operation(
        "signOut", "Sign out", request=RefreshSerializer, sent=REFRESH, status=204, description="Ends the sign-in."
    )
)
