"""The routes of viewsets."""

from django.urls import register_converter
from django.urls.converters import IntConverter
from drf_spectacular.types import DJANGO_PATH_CONVERTER_MAPPING, OpenApiTypes
from rest_framework.routers import SimpleRouter

ID = "id"  # the name of the converter


class IdConverter(IntConverter):
    """The id of a row. A negative id is an unknown id, as in GraphQL and gRPC, not an unknown path."""

    regex = "-?[0-9]+"


register_converter(IdConverter, ID)
DJANGO_PATH_CONVERTER_MAPPING[ID] = OpenApiTypes.INT


class ShopRouter(SimpleRouter):
    """Routes without a slash at the end, with Django's path converters."""

    def __init__(self) -> None:
        super().__init__(trailing_slash=False, use_regex_path=False)
