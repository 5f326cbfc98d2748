"""Moves of one order or of many in the admin: the same action for each order, and one line for each result."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from django.contrib import admin, messages
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import OperationalError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse

from core.admin.options import as_refusal
from core.errors import DomainError, NotFound
from orders.actions import move_order
from orders.bulk import MAX_MOVES, OrderMove, move_orders
from orders.models import Order
from orders.transitions import MOVE_DETAILS, VERBS, Verb

TEMPLATE = "admin/orders/order/move_many.html"
CARRIER = "carrier"  # of the last shipment, in the session: staff ship most orders with one carrier


class MoveRow(NamedTuple):
    """An order, and the result of its move. Without a result, the order was not moved yet."""

    order: Order
    result: str = ""
    is_moved: bool = False


def move_inputs(request: HttpRequest, verb: Verb) -> list[dict[str, Any]]:
    """Return the inputs of a verb's details, for templates. The page of many orders has a shared input once."""
    fields: list[Any] = [Order._meta.get_field(name) for name in verb.details]
    return [
        {
            "name": field.name,
            "label": str(field.verbose_name).capitalize(),
            "max_length": field.max_length,
            "value": request.session.get(CARRIER, "") if field.name == CARRIER else "",
            "is_shared": field.name == CARRIER,
        }
        for field in fields
    ]


def move_actions() -> list[Callable[..., HttpResponse | None]]:
    """Return one action of the order list for each verb."""
    return [_list_action(name) for name in sorted(VERBS, key=lambda name: bool(VERBS[name].question))]


def _list_action(name: str) -> Callable[..., HttpResponse | None]:
    def start(model_admin: Any, request: HttpRequest, orders: Iterable[Order]) -> HttpResponse | None:
        chosen = list(orders[: MAX_MOVES + 1])  # type: ignore[index]  # a queryset
        if len(chosen) > MAX_MOVES:
            messages.error(request, f"At most {MAX_MOVES} orders at once: narrow the list by a search or a filter.")
            return None
        chosen.sort(key=lambda order: order.pk)
        if VERBS[name].question or VERBS[name].details:
            return _page(request, model_admin, name, [MoveRow(order) for order in chosen])
        return _page(request, model_admin, name, _moved(request, name, chosen))

    start.__name__ = f"{name}_orders"
    return admin.action(description=name.capitalize(), permissions=["move"])(start)


def move_many(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Respond to a POST: move each order named in it, and show the results."""
    if not model_admin.has_move_permission(request):
        raise PermissionDenied
    name, ids = request.POST.get("verb", ""), request.POST.getlist("order")
    if name not in VERBS or not 0 < len(ids) <= MAX_MOVES or not all(map(_is_id, ids)):
        raise BadRequest("Unreadable list of orders")
    orders = model_admin.get_queryset(request).filter(pk__in=ids).order_by("pk")
    return _page(request, model_admin, name, _moved(request, name, orders))


def move_one(request: HttpRequest, model_admin: Any, order_id: int) -> HttpResponse:
    """Respond to a POST of the order page: move the order, and show it again or, if asked for, the next one."""
    then_next = request.POST.get("verb_and_next", "")
    name = then_next or request.POST.get("verb", "")
    page = reverse("admin:orders_order_change", args=[order_id])
    if name not in VERBS:
        messages.error(request, "Unknown step; the order was not changed.")
        return HttpResponseRedirect(page)
    try:
        order = move_order(actor=request.user, order_id=order_id, verb=name, details=_details_in(request, VERBS[name]))
    except NotFound as refusal:
        messages.error(request, refusal.message)
        return HttpResponseRedirect(model_admin.list_url())
    except (DomainError, OperationalError) as error:
        messages.error(request, _reason(as_refusal(error)))
        return HttpResponseRedirect(page)
    messages.success(request, f"Order {order.number} is {order.get_status_display().lower()} now.")
    return _next_page(request, model_admin, order, VERBS[name]) if then_next else HttpResponseRedirect(page)


def _next_page(request: HttpRequest, model_admin: Any, order: Order, verb: Verb) -> HttpResponse:
    """Redirect to the next order that waits for the verb, the oldest first; after the newest, to the oldest."""
    waiting = Order.objects.visible_to(request.user).filter(status__in=verb.sources).order_by("created_at", "id")
    later = Q(created_at__gt=order.created_at) | Q(created_at=order.created_at, pk__gt=order.pk)
    following = waiting.filter(later, created_at__gte=order.created_at).first() or waiting.first()
    if following is None:
        messages.info(request, f"No order is {verb.sources[0]} now.")
        return HttpResponseRedirect(model_admin.list_url())
    return HttpResponseRedirect(reverse("admin:orders_order_change", args=[following.pk]))


def _moved(request: HttpRequest, name: str, orders: Sequence[Order]) -> list[MoveRow]:
    moves = [OrderMove(order.pk, _details_in(request, VERBS[name], f"-{order.pk}")) for order in orders]
    outcomes: Sequence[Order | DomainError]
    try:
        outcomes = move_orders(actor=request.user, verb=name, moves=moves)
    except (DomainError, OperationalError) as error:
        outcomes = [as_refusal(error)] * len(orders)
    return [_row(order, outcome) for order, outcome in zip(orders, outcomes, strict=True)]


def _row(order: Order, outcome: Order | DomainError) -> MoveRow:
    if isinstance(outcome, DomainError):
        return MoveRow(order, _reason(outcome))
    details = (getattr(outcome, name) for name in MOVE_DETAILS)
    return MoveRow(order, ", ".join(filter(None, (outcome.get_status_display(), *details))), is_moved=True)


def _reason(refusal: DomainError) -> str:
    texts = (f"{name.replace('_', ' ').capitalize()}: {text}" for name, text in refusal.fields.items())
    return " ".join(texts) or refusal.message


def _details_in(request: HttpRequest, verb: Verb, suffix: str = "") -> dict[str, str]:
    """Return the details of a move. A detail without an input for each order applies to all orders of the form."""
    details = {name: request.POST.get(name + suffix, request.POST.get(name, "")) for name in verb.details}
    if CARRIER in details:
        request.session[CARRIER] = details[CARRIER][:60]
    return details


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _page(request: HttpRequest, model_admin: Any, name: str, rows: list[MoveRow]) -> HttpResponse:
    context = {
        **model_admin.admin_site.each_context(request),
        "title": f"{name.capitalize()} orders",
        "opts": model_admin.opts,
        "name": name,
        "verb": VERBS[name],
        "rows": rows,
        "waiting": [row for row in rows if not row.result],
        "moved": sum(row.is_moved for row in rows),
        "inputs": move_inputs(request, VERBS[name]),
        "list_url": model_admin.list_url(),
    }
    return TemplateResponse(request, TEMPLATE, context)
