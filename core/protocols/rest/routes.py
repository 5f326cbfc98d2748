"""The routes of viewsets."""

from rest_framework.routers import SimpleRouter


class ShopRouter(SimpleRouter):
    """Routes without a slash at the end, with Django's path converters."""

    def __init__(self) -> None:
        super().__init__(trailing_slash=False, use_regex_path=False)
