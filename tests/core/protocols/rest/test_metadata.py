from typing import Any

import pytest

from tests.support.api import Api
from tests.support.factories import make_order, make_staff

pytestmark = pytest.mark.django_db

JSON_AND_XML = ["application/json", "application/xml"]


@pytest.mark.parametrize("path", ["/products", "/users", "/orders", "/orders/{}"])
def test_options_names_the_methods_and_media_types_and_no_fields(path: str) -> None:
    """Those of a new user or order are not those of the response, which Django REST framework would list."""
    response: Any = Api(make_staff()).send("options", path.format(make_order().pk))

    assert response.status_code == 200
    assert "GET" in response["Allow"]
    assert response.json().keys() == {"name", "description", "renders", "parses"}
    assert (response.json()["renders"], response.json()["parses"]) == (JSON_AND_XML, JSON_AND_XML)
