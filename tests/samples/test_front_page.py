"""The front page without a browser: what it shows without scripts, and the routes that its scripts call."""

import itertools
import re

import pytest
from django.test import override_settings

from accounts.models import User
from catalog.models import Product
from core.protocols.rpc.service import Service
from ecommerce.urls import grpc_services
from samples.compare.chooser import ANSWERS, QUESTIONS, advice_for
from samples.compare.descriptors import descriptors_of
from samples.compare.situations import SITUATIONS
from samples.demo.loading import prepare
from tests.support.factories import make_product

IN_DEMO = override_settings(DEMO_MODE=True, DEMO_SIGN_IN=True)


def test_page_answers_without_scripts_and_without_a_database(client):
    response = client.get("/")
    text = response.content.decode()

    assert response.status_code == 200
    assert [situation.case for situation in SITUATIONS if situation.case not in text] == []
    assert "unsafe-inline" not in response["Content-Security-Policy"]
    assert re.findall(r"<style|\sstyle=|\son\w+=|https?://", text.partition('<script id="facts"')[0]) == []


@pytest.mark.django_db
def test_demo_user_signs_in_without_a_password_only_if_it_is_allowed(client):
    prepare("a-demo-password")

    with override_settings(DEMO_MODE=True, DEMO_SIGN_IN=False):
        assert client.post("/compare/sign-in?as=staff").status_code == 404
    with IN_DEMO:
        assert client.post("/compare/sign-in?as=mallory").status_code == 404
        User.objects.filter(username="customer").update(username="renamed")
        assert client.post("/compare/sign-in?as=customer").status_code == 404
        pair = client.post("/compare/sign-in?as=staff").json()
    me = client.get("/api/v1/users/me", headers={"authorization": f"Bearer {pair['access']}"})

    assert me.json()["username"] == "staff"


@pytest.mark.django_db
def test_staff_deletes_only_measured_products_and_only_in_demo_mode(client):
    prepare("a-demo-password")
    kept, measured = make_product(name="Measured products, a book"), make_product(name="Measured product 7")
    with IN_DEMO:
        tokens = {name: client.post(f"/compare/sign-in?as={name}").json()["access"] for name in ("staff", "customer")}
        headers = {name: {"authorization": f"Bearer {token}"} for name, token in tokens.items()}
        assert client.post("/compare/clean").status_code == 401
        assert client.post("/compare/clean", headers=headers["customer"]).status_code == 403
        assert Product.objects.filter(pk=measured.pk).exists()
        assert client.post("/compare/clean", headers=headers["staff"]).json() == {"deleted": 1}

    assert client.post("/compare/clean", headers=headers["staff"]).status_code == 404
    assert list(Product.objects.filter(pk__in=(kept.pk, measured.pk))) == [kept]


def test_only_the_files_that_tasks_name_are_shown_and_only_in_demo_mode(client):
    with IN_DEMO:
        shown = client.get("/compare/source/catalog/views.py")
        assert b"class ProductViewSet" in b"".join(shown)
        assert client.get("/compare/source/ecommerce/settings.py").status_code == 404
        assert client.get("/compare/source/catalog/../ecommerce/settings.py").status_code == 404

    assert client.get("/compare/source/catalog/views.py").status_code == 404


def test_descriptors_name_every_method_and_every_message_they_use():
    services: tuple[type[Service], ...] = grpc_services()
    found = descriptors_of([service.descriptor for service in services])
    kinds = {field["kind"] for fields in found["messages"].values() for field in fields if "kind" in field}

    assert len(found["methods"]) == sum(len(service.descriptor.methods) for service in services)
    assert kinds <= found["messages"].keys() | found["enums"].keys()
    assert {"google.rpc.Status", "google.rpc.BadRequest", "google.rpc.ErrorInfo"} <= found["messages"].keys()


def test_every_combination_of_choices_leads_to_advice_and_each_advice_is_given():
    names = [question["name"] for question in QUESTIONS]
    values = [[choice["value"] for choice in question["choices"]] for question in QUESTIONS]
    given = {advice_for(dict(zip(names, choices, strict=True))).why for choices in itertools.product(*values)}

    assert given == {advice.why for advice in ANSWERS}


@pytest.mark.parametrize(
    ("caller", "browser", "cache", "stream", "task", "use"),
    [
        ("anyone", "no", "yes", "none", "again", "REST"),
        ("app", "no", "no", "none", "screen", "GraphQL"),
        ("service", "no", "no", "none", "one-product", "gRPC"),
        ("service", "no", "no", "rows", "batch", "REST"),
        ("service", "no", "no", "flow", "one-product", "gRPC"),
        ("anyone", "yes", "no", "flow", "batch", "REST"),
        ("app", "yes", "no", "server", "follow", "SSE"),
        ("service", "no", "no", "server", "follow", "gRPC"),
    ],
)
def test_questions_lead_to_the_row_of_the_same_situation(caller, browser, cache, stream, task, use):
    situation = next(each for each in SITUATIONS if each.task == task)
    advice = advice_for({"caller": caller, "browser": browser, "cache": cache, "stream": stream})

    assert (advice.task, advice.use) == (task, use)
    assert use in situation.use


@pytest.mark.parametrize(("stream", "task"), [("rows", "batch"), ("server", "follow"), ("both", "follow")])
def test_advice_on_many_rows_and_on_streams_shows_their_figures(stream, task):
    others = [[choice["value"] for choice in question["choices"]] for question in QUESTIONS[:3]]
    choices = [dict(zip(("caller", "browser", "cache"), each, strict=True)) for each in itertools.product(*others)]

    assert {advice_for({**each, "stream": stream}).task for each in choices} == {task}
