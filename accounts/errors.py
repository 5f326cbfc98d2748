"""The refusals of accounts."""

from ecommerce.errors import AlreadyExists, NotFound, Unauthenticated


class UserNotFound(NotFound):
    pass


class UserExists(AlreadyExists):
    pass


class InvalidToken(Unauthenticated):
    """The token is malformed, expired, used, revoked, or its user may not sign in any more."""

    is_about_token = True

    def __init__(self) -> None:
        super().__init__("Invalid token")


class WrongPassword(Unauthenticated):
    """The same answer for an unknown name, a wrong password and a user who may not sign in."""

    def __init__(self) -> None:
        super().__init__("Invalid username or password")
