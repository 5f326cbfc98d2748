"""Admin lists can be filtered and sorted only by what their pages show: any other lookup could guess a secret."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin import ListFilter, ModelAdmin
from django.contrib.admin.utils import get_fields_from_path
from django.db.models import F, Model
from django.test import Client, RequestFactory

from accounts.models import User
from core.admin.options import ShopAdmin
from reports.models import SalesDay
from tests.support.factories import make_order, make_staff, make_user
from tests.webhooks.hooks import make_endpoint
from webhooks.models import Endpoint

pytestmark = pytest.mark.django_db

ADMINS = list(admin.site._registry.values())
WITH_LIST = [each for each in ADMINS if each.model is not SalesDay]  # the sales page shows no rows of its model
LISTS = {model: f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry}
LOOKUPS = (
    "",
    "exact",
    "iexact",
    "startswith",
    "istartswith",
    "contains",
    "regex",
    "iregex",
    "in",
    "gt",
    "lt",
    "isnull",
)
SECRETS = {"password", "secret", "previous_secret", "current_jti", "session_data", "input_hash"}
DEPTH = 3  # relations on the way to a field


@pytest.fixture
def staff(client: Client) -> User:
    user = make_staff(password="a-Long-enough-1")
    client.force_login(user)
    return user


def paths_of(model: type[Model], depth: int = DEPTH) -> Iterator[str]:
    """Give the path of each field of a model, and of each field that its relations lead to, backwards too."""
    for field in model._meta.get_fields(include_hidden=True):
        yield field.name
        if field.related_model is not None and depth:
            yield from (f"{field.name}__{path}" for path in paths_of(field.related_model, depth - 1))


def parameters_of_filters(model_admin: ModelAdmin, user: User) -> set[str]:
    """Return the parameters that the filters of a list send."""
    request = RequestFactory().get("/")
    request.user = user
    filters: list[ListFilter] = []
    for each in model_admin.get_list_filter(request):
        if isinstance(each, type):
            filters.append(each(request, {}, model_admin.model, model_admin))
        else:
            path, kind = each
            field = get_fields_from_path(model_admin.model, path)[-1]
            filters.append(kind(field, request, {}, model_admin.model, model_admin, path))
    return {name for each in filters for name in each.expected_parameters()}


def names_in(sort: Any) -> list[str]:
    """Return the fields of a sort: a path, or an expression."""
    return [sort] if isinstance(sort, str) else [each.name for each in sort.flatten() if isinstance(each, F)]


@pytest.mark.parametrize("model_admin", ADMINS, ids=lambda each: each.opts.model_name)
def test_list_takes_the_parameters_of_its_filters_and_no_other_lookup(model_admin: ModelAdmin, staff: User) -> None:
    request = RequestFactory().get("/")
    paths = {*paths_of(model_admin.model), "pk"}
    tried = {f"{path}__{lookup}".removesuffix("__") for path in paths for lookup in LOOKUPS}
    sent = parameters_of_filters(model_admin, staff)

    allowed = {name for name in tried | sent if model_admin.lookup_allowed(name, "x", request)}

    assert isinstance(model_admin, ShopAdmin)
    assert len(tried) > 100
    assert sent <= allowed
    filtered = [each[0] for each in model_admin.list_filter if not isinstance(each, type)]
    assert allowed - sent <= {f"{path}__{lookup}" for path in filtered for lookup in ("exact", "isnull")}
    assert not SECRETS & {part for name in allowed for part in name.split("__")}


@pytest.mark.parametrize("model_admin", WITH_LIST, ids=lambda each: each.opts.model_name)
def test_list_is_sorted_and_searched_by_no_secret(model_admin: ModelAdmin, client: Client, staff: User) -> None:
    request = RequestFactory().get("/")
    request.user, request.session = staff, client.session
    shown = model_admin.get_changelist_instance(request)
    sorts = {shown.get_ordering_field(name) for name in shown.list_display}
    searched = {*model_admin.get_search_fields(request)}

    paths = {path for each in sorts | searched if each for path in names_in(each)}
    named = {part for path in paths for part in path.lstrip("-=^@~").split("__")}

    assert named
    assert not named & SECRETS


@pytest.mark.parametrize(
    "lookup", ["startswith", "contains", "iregex", "regex", "exact", "in", "gt", "gte", "range", "endswith", "length"]
)
@pytest.mark.parametrize("field", ["secret", "previous_secret"])
def test_secret_of_a_webhook_is_not_guessed_letter_by_letter(
    client: Client, staff: User, field: str, lookup: str
) -> None:
    endpoint = make_endpoint()
    Endpoint.objects.update(previous_secret=endpoint.secret)

    parameter, same_id = f"{field}__{lookup}", {"X-Request-ID": "the-same-for-both"}
    right, wrong = (
        client.get(LISTS[Endpoint], {parameter: text}, headers=same_id) for text in (endpoint.secret, "wrong")
    )

    assert (right.status_code, wrong.status_code) == (400, 400)
    assert right.content == wrong.content


@pytest.mark.parametrize(
    "query",
    [
        "accounts/user/?password__startswith=a",
        "accounts/user/?token_families__current_jti__startswith=a",
        "orders/order/?user__password__startswith=a",
        "orders/order/?user__token_families__current_jti__gt=a",
        "orders/order/?events__actor__password__regex=a",
        "catalog/product/?order_items__order__user__password__startswith=a",
        "webhooks/delivery/?endpoint__secret__startswith=whsec_",
        "webhooks/delivery/?endpoint__previous_secret__contains=a",
        "webhooks/endpoint/?secret__startswith=whsec_&_popup=1",
        "webhooks/endpoint/?secret__startswith=whsec_&_facets=1&o=1",
        "webhooks/endpoint/?secret__startswith=whsec_&is_active__exact=1&e=1",
        "webhooks/endpoint/?_to_field=secret",
        "webhooks/endpoint/1/change/?_to_field=secret",
    ],
)
def test_query_that_no_page_sends_is_refused(client: Client, staff: User, query: str) -> None:
    make_order(make_user(password="a-Long-enough-1"))
    make_endpoint()

    assert client.get(f"/admin/{query}").status_code == 400


@pytest.mark.long
@pytest.mark.parametrize("model_admin", WITH_LIST, ids=lambda each: each.opts.model_name)
def test_filters_of_a_list_work(client: Client, staff: User, model_admin: ModelAdmin) -> None:
    make_endpoint()
    sent = parameters_of_filters(model_admin, staff)

    answers = [
        client.get(LISTS[model_admin.model], {name: "" if name.endswith(("_from", "_to")) else "0"}) for name in sent
    ]

    assert answers
    assert {answer.status_code for answer in answers} == {200}
