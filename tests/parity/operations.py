"""What can be asked of the shop, and who is told what."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

from accounts.tokens import obtain_tokens
from catalog.actions import change_product
from catalog.bulk.repricing import change_prices, undo_price_change
from catalog.filters import selection_of
from catalog.models import Category, Product, ProductHistory
from core.moments import shop_now
from orders.models import Order
from orders.transitions import VERBS as ORDER_VERBS
from orders.transitions import rpc_name
from tests.parity.answers import Answer
from tests.parity.doors import Door
from tests.support.factories import make_order, make_product, make_staff, make_user
from tests.support.images import image_file

PASSWORD = "correct horse battery"
ROLES = ("stranger", "owner", "other", "staff")
NO_ID = 999_999
Codes = dict[str, str | None]


class Shop:
    """What there is to act upon, and the callers by role."""

    def __init__(self) -> None:
        self.stranger = None
        self.owner = make_user(username="owner", email="owner@example.com", password=PASSWORD)
        self.other, self.staff = make_user(), make_staff()
        self.tea = make_product(name="Tea", price="2.50", stock=13, sku="TEA", description="Loose.")
        self.pot = make_product(name="Pot", price="20.00", stock=1)
        self.drinks = Category.objects.create(name="Drinks", slug="drinks")
        self.teas = Category.objects.create(name="Teas", slug="teas", parent=self.drinks)
        self.pots = Category.objects.create(name="Pots", slug="pots")
        Product.objects.filter(pk=self.tea.pk).update(category=self.teas, image=f"{'0' * 32}.png")
        self.order = make_order(self.owner, {self.tea: 2, self.pot: 1})
        self.guests = make_order(self.other, {self.tea: 1})
        Order.objects.filter(pk=self.guests.pk).update(user=None)
        self.change = ProductHistory.objects.get(product_id=self.tea.pk, kind="created").pk
        change_product(actor=self.staff, product_id=self.tea.pk, changes={"price": "2.75", "name": "Teas"})
        self.repriced = ProductHistory.objects.filter(product_id=self.tea.pk, kind="changed").latest("id").pk
        change_product(actor=self.staff, product_id=self.tea.pk, changes={"price": "2.50", "name": "Tea"})
        self.undone, self.raised = self._repriced("cup-1"), self._repriced("cup-2")
        undo_price_change(actor=self.staff, price_change_id=self.undone)
        self.paid, self.shipped, self.delivered = map(self._order_in, ("paid", "shipped", "delivered"))
        Order.objects.filter(pk=self.delivered.pk).update(created_at=datetime(2025, 3, 1, 23, 59, 59, tzinfo=UTC))

    def _repriced(self, name: str) -> int:
        make_product(name=name, price="3.00", stock=5)
        cups = selection_of(self.staff, {"q": name})
        return change_prices(actor=self.staff, selection=cups, percent=Decimal(10)).pk

    def _order_in(self, status: str) -> Order:
        order = make_order(self.owner, {self.tea: 1})
        Order.objects.filter(pk=order.pk).update(status=status)
        return order

    @property
    def tea_version(self) -> int:
        return Product.objects.get(pk=self.tea.pk).version

    @property
    def refresh_token(self) -> str:
        return obtain_tokens(username="owner", password=PASSWORD).refresh


def of_staff(code: str | None = None) -> Codes:
    return {"stranger": "unauthenticated", "owner": "forbidden", "other": "forbidden", "staff": code}


def of_signed_in(code: str | None = None) -> Codes:
    return dict.fromkeys(ROLES, code) | {"stranger": "unauthenticated"}


def of_anyone(code: str | None = None) -> Codes:
    return dict.fromkeys(ROLES, code)


def move_of_staff(code: str | None = None) -> Codes:
    return {"stranger": "unauthenticated", "owner": "forbidden", "other": "not_found", "staff": code}


Act = Callable[[Door, Shop], Answer]
# One operation a line, for its table to be read as one.
# ruff: noqa: E501
# fmt: off
PNG = image_file("PNG")
NEW = {"name": "New", "price": 1.25}
ADA = {"username": "ada", "email": "ada@example.com", "password": PASSWORD}
OPEN = dict.fromkeys(ROLES)
SIGNED_IN = OPEN | {"stranger": "unauthenticated"}
DAY, LATER = "2025-03-01", "2025-03-02"  # the delivered order is of this day, and all others are later
# The operation, and the code for each role: None where it is done.
READS: dict[str, tuple[Act, Codes]] = {
    "a product": (lambda door, shop: door.product(shop.tea.pk), OPEN),
    "a missing product": (lambda door, shop: door.product(NO_ID), dict.fromkeys(ROLES, "not_found")),
    "products": (lambda door, shop: door.products(), OPEN),
    "products, a page too large": (lambda door, shop: door.products(size=101), dict.fromkeys(ROLES, "invalid_input")),
    "products, a sort unknown": (lambda door, shop: door.products(order_by="colour"), dict.fromkeys(ROLES, "invalid_input")),
    "products, a price of three decimals": (lambda door, shop: door.products(min_price=1.234), dict.fromkeys(ROLES, "invalid_input")),
    "products of a category": (lambda door, shop: door.products(category="teas"), OPEN),
    "products below a category": (lambda door, shop: door.products(category=str(shop.drinks.pk)), OPEN),
    "products of an empty category": (lambda door, shop: door.products(category="pots"), OPEN),
    "products of a missing category": (lambda door, shop: door.products(category="nothing"), OPEN),
    "products of a category by a number too large": (lambda door, shop: door.products(category="9" * 30), OPEN),
    "a product by its sku": (lambda door, shop: door.products(sku="tea"), OPEN),
    "products of an unknown sku": (lambda door, shop: door.products(sku="TEA-"), OPEN),
    "products of a sku too long": (lambda door, shop: door.products(sku="T" * 65), of_anyone("invalid_input")),
    "products of a sku with a null character": (lambda door, shop: door.products(sku="T\0"), of_anyone("invalid_input")),
    "a category": (lambda door, shop: door.category(shop.teas.pk), OPEN),
    "a missing category": (lambda door, shop: door.category(NO_ID), dict.fromkeys(ROLES, "not_found")),
    "categories": (lambda door, shop: door.categories(), OPEN),
    "the history of a product": (lambda door, shop: door.product_history(shop.tea.pk), of_staff()),
    "the ledger of a product": (lambda door, shop: door.product_history(shop.tea.pk, stock_moved=True), of_staff()),
    "the sales of a product": (lambda door, shop: door.product_history(shop.tea.pk, kind="sale"), of_staff()),
    "the history of a missing product": (lambda door, shop: door.product_history(NO_ID), of_staff("not_found")),
    "a change of prices": (lambda door, shop: door.price_change(shop.undone), of_staff()),
    "a missing change of prices": (lambda door, shop: door.price_change(NO_ID), of_staff("not_found")),
    "changes of prices": (lambda door, shop: door.price_changes(), of_staff()),
    "preview prices": (lambda door, shop: door.preview_prices(percent=12.5, category="drinks"), of_staff()),
    "preview prices, some refused": (lambda door, shop: door.preview_prices(percent=-100, min_price=2.5, in_stock=True), of_staff()),
    "preview prices badly": (lambda door, shop: door.preview_prices(percent=0.001, min_price=1.234), of_staff("invalid_input")),
    "the history of an order": (lambda door, shop: door.order_history(shop.order.pk), of_staff()),
    "the history of a missing order": (lambda door, shop: door.order_history(NO_ID), of_staff("not_found")),
    "oneself": (lambda door, shop: door.me(), SIGNED_IN),
    "a user": (lambda door, shop: door.user(shop.owner.pk), SIGNED_IN | {"other": "not_found"}),
    "a missing user": (lambda door, shop: door.user(NO_ID), dict.fromkeys(ROLES, "not_found") | {"stranger": "unauthenticated"}),
    "users": (lambda door, shop: door.users(), {"stranger": "unauthenticated", "owner": "forbidden", "other": "forbidden", "staff": None}),
    "a user by e-mail": (lambda door, shop: door.users(email="Owner@Example.com"), of_staff()),
    "a user by name": (lambda door, shop: door.users(username="\uff2fWNER"), of_staff()),
    "users of another name than their e-mail's": (lambda door, shop: door.users(username="owner", email="nobody@example.com"), of_staff()),
    "users of a name too long": (lambda door, shop: door.users(username="o" * 81), of_staff("invalid_input")),
    "orders": (lambda door, shop: door.orders(), SIGNED_IN),
    "orders in a status": (lambda door, shop: door.orders(status="pending"), SIGNED_IN),
    "orders that are paid": (lambda door, shop: door.orders(status="paid"), SIGNED_IN),
    "orders in a status unknown": (lambda door, shop: door.orders(status="lost"), of_signed_in("invalid_input")),
    "an order by its number": (lambda door, shop: door.orders(number=f"#{shop.order.number.lower()}"), SIGNED_IN),
    "orders of an unknown number": (lambda door, shop: door.orders(number=shop.order.number[:-1]), SIGNED_IN),
    "orders of a number too long": (lambda door, shop: door.orders(number="9" * 34), of_signed_in("invalid_input")),
    "orders of an e-mail": (lambda door, shop: door.orders(email="Owner@Example.com"), SIGNED_IN),
    "paid orders of an e-mail": (lambda door, shop: door.orders(email="owner@example.com", status="paid"), SIGNED_IN),
    "orders of an unknown e-mail": (lambda door, shop: door.orders(email="nobody@example.com"), SIGNED_IN),
    "orders of an e-mail with a null character": (lambda door, shop: door.orders(email="\0"), of_signed_in("invalid_input")),
    "orders from a day": (lambda door, shop: door.orders(created_from=LATER), SIGNED_IN),
    "orders to a day": (lambda door, shop: door.orders(created_to=DAY), SIGNED_IN),
    "delivered orders of a day": (lambda door, shop: door.orders(created_from=DAY, created_to=DAY, status="delivered"), SIGNED_IN),
    "orders of no day": (lambda door, shop: door.orders(created_from=LATER, created_to=DAY), SIGNED_IN),
    "orders of a day that is none": (lambda door, shop: door.orders(created_from="2025-02-29", created_to="1.3.2025"), of_signed_in("invalid_input")),
    "orders of the ends of time": (lambda door, shop: door.orders(created_from="0001-01-01", created_to="9999-12-31"), SIGNED_IN),
    "a user's orders of a day": (lambda door, shop: door.orders_of(shop.owner.pk, created_from=DAY, created_to=DAY), SIGNED_IN | {"other": "not_found"}),
    "a user's orders in a status": (lambda door, shop: door.orders_of(shop.owner.pk, status="paid"), SIGNED_IN | {"other": "not_found"}),
    "a user's orders of a day that is none": (lambda door, shop: door.orders_of(shop.owner.pk, created_to="today", status="lost"), of_signed_in("invalid_input") | {"other": "not_found"}),
    "sales": (lambda door, shop: door.sales(created_from=DAY, created_to="2025-03-31"), of_staff()),
    "sales of now": (lambda door, shop: door.sales(**dict.fromkeys(("created_from", "created_to"), shop_now().date().isoformat())), of_staff()),
    "sales of no days": (lambda door, shop: door.sales(created_from="x", created_to=""), of_staff("invalid_input")),
    "sales without days": (lambda door, shop: door.sales(), of_staff("invalid_input")),
    "sales of days that end before they begin": (lambda door, shop: door.sales(created_from=LATER, created_to=DAY), of_staff("invalid_input")),
    "sales of too many days": (lambda door, shop: door.sales(created_from=DAY, created_to="2028-03-03"), of_staff("invalid_input")),
    "a user's orders": (lambda door, shop: door.orders_of(shop.owner.pk), SIGNED_IN | {"other": "not_found"}),
    "a missing user's orders": (lambda door, shop: door.orders_of(NO_ID), dict.fromkeys(ROLES, "not_found") | {"stranger": "unauthenticated"}),
    "an order": (lambda door, shop: door.order(shop.order.pk), SIGNED_IN | {"other": "not_found"}),
    "a guest's order": (lambda door, shop: door.order(shop.guests.pk), {"stranger": "unauthenticated", "owner": "not_found", "other": "not_found", "staff": None}),
    "orders of a user below zero": (lambda door, shop: door.orders_of(-1), dict.fromkeys(ROLES, "not_found") | {"stranger": "unauthenticated"}),
    "a missing order": (lambda door, shop: door.order(NO_ID), dict.fromkeys(ROLES, "not_found") | {"stranger": "unauthenticated"}),
}

WRITES: dict[str, tuple[Act, Codes]] = {
    "create": (lambda door, shop: door.create_product(**NEW, stock=3, sku="N", description="d"), of_staff()),
    "create by what must be there": (lambda door, shop: door.create_product(**NEW), of_staff()),
    "create badly": (lambda door, shop: door.create_product(name=" ", price=0, stock=-1, sku="ä"), of_staff("invalid_input")),
    "create with a taken sku": (lambda door, shop: door.create_product(**NEW, sku="tea"), of_staff("already_exists")),
    "update": (lambda door, shop: door.update_product(shop.tea.pk, price=3.75, stock=9), of_staff()),
    "update nothing": (lambda door, shop: door.update_product(shop.tea.pk), of_staff()),
    "update from the right version": (lambda door, shop: door.update_product(shop.pot.pk, stock=4, version=2), of_staff()),
    "update from a stale version": (lambda door, shop: door.update_product(shop.pot.pk, stock=4, version=1), of_staff("version_mismatch")),
    "update from no version": (lambda door, shop: door.update_product(shop.pot.pk, stock=4, version=0), of_staff("invalid_input")),
    "update badly": (lambda door, shop: door.update_product(shop.tea.pk, name="", price=-1), of_staff("invalid_input")),
    "update to null": (lambda door, shop: door.update_product(shop.tea.pk, name=None, price=None), of_staff("invalid_input")),
    "update to a taken sku": (lambda door, shop: door.update_product(shop.pot.pk, sku="tea"), of_staff("already_exists")),
    "set the reorder level": (lambda door, shop: door.update_product(shop.tea.pk, reorder_level=20), of_staff()),
    "set the reorder level below zero": (lambda door, shop: door.update_product(shop.tea.pk, reorder_level=-1), of_staff("invalid_input")),
    "update with an empty sku": (lambda door, shop: door.update_product(shop.tea.pk, sku=""), of_staff()),
    "take a sku away": (lambda door, shop: door.update_product(shop.tea.pk, sku=None), of_staff()),
    "update a missing product": (lambda door, shop: door.update_product(NO_ID, stock=1), of_staff("not_found")),
    "replace": (lambda door, shop: door.replace_product(shop.tea.pk, **NEW), of_staff()),
    "replace by half of it": (lambda door, shop: door.replace_product(shop.tea.pk, price=1), of_staff("invalid_input")),
    "update a product below zero badly": (lambda door, shop: door.update_product(-1, price=-1), of_staff("invalid_input")),
    "replace a missing product": (lambda door, shop: door.replace_product(NO_ID, **NEW), of_staff("not_found")),
    "put into a category": (lambda door, shop: door.update_product(shop.pot.pk, category_id=shop.pots.pk), of_staff()),
    "take out of a category": (lambda door, shop: door.update_product(shop.tea.pk, category_id=0), of_staff()),
    "put into a missing category": (lambda door, shop: door.update_product(shop.tea.pk, category_id=NO_ID), of_staff("invalid_input")),
    "create in a category": (lambda door, shop: door.create_product(**NEW, category_id=shop.pots.pk), of_staff()),
    "create many in categories": (lambda door, shop: door.create_products([NEW | {"category_id": shop.pots.pk}, NEW | {"category_id": NO_ID}, NEW | {"category_id": 0}]), of_staff()),
    "change many categories": (lambda door, shop: door.change_products([{"sku": "tea", "category_id": 0}, {"sku": "tea", "category_id": NO_ID}]), of_staff()),
    "change many into a missing category": (lambda door, shop: door.change_products([{"sku": "tea", "category_id": NO_ID}]), of_staff()),
    "create a category": (lambda door, shop: door.create_category(name="Cups", slug="cups", parent_id=shop.pots.pk), of_staff()),
    "create a category at the top": (lambda door, shop: door.create_category(name="Cups", slug="cups-2"), of_staff()),
    "create a category badly": (lambda door, shop: door.create_category(name="", slug="7"), of_staff("invalid_input")),
    "create a category with a taken slug": (lambda door, shop: door.create_category(name="Cups", slug="pots"), of_staff("already_exists")),
    "create a category below a missing one": (lambda door, shop: door.create_category(name="Cups", slug="cups", parent_id=NO_ID), of_staff("invalid_input")),
    "rename a category": (lambda door, shop: door.update_category(shop.teas.pk, name="Tea and tisane"), of_staff()),
    "move a category": (lambda door, shop: door.update_category(shop.teas.pk, parent_id=shop.pots.pk), of_staff()),
    "move a category to the top": (lambda door, shop: door.update_category(shop.teas.pk, parent_id=0), of_staff()),
    "move a category below itself": (lambda door, shop: door.update_category(shop.drinks.pk, parent_id=shop.teas.pk), of_staff("invalid_input")),
    "change a missing category": (lambda door, shop: door.update_category(NO_ID, name="Cups"), of_staff("not_found")),
    "delete a category": (lambda door, shop: door.delete_category(shop.pots.pk), of_staff()),
    "delete a category with products": (lambda door, shop: door.delete_category(shop.teas.pk), of_staff("in_use")),
    "delete a category with subcategories": (lambda door, shop: door.delete_category(shop.drinks.pk), of_staff("in_use")),
    "delete a missing category": (lambda door, shop: door.delete_category(NO_ID), of_staff("not_found")),
    "correct a stock": (lambda door, shop: door.correct_stock(shop.tea.pk, units=-3, reason="Broken"), of_staff()),
    "correct a stock with a key": (lambda door, shop: door.correct_stock(shop.tea.pk, units=-3, reason="Broken", key="k"), of_staff()),
    "correct a stock with a key that is none": (lambda door, shop: door.correct_stock(shop.tea.pk, units=-3, reason="Broken", key="x" * 256), of_staff("invalid_input")),
    "correct a stock by nothing": (lambda door, shop: door.correct_stock(shop.tea.pk, units=0, reason=" "), of_staff("invalid_input")),
    "correct a stock below zero": (lambda door, shop: door.correct_stock(shop.tea.pk, units=-1000, reason="Lost"), of_staff("invalid_input")),
    "correct the stock of a missing product": (lambda door, shop: door.correct_stock(NO_ID, units=1, reason="Found"), of_staff("not_found")),
    "revert": (lambda door, shop: door.revert_product(shop.tea.pk, change_id=shop.repriced), of_staff()),
    "revert the creation": (lambda door, shop: door.revert_product(shop.tea.pk, change_id=shop.change), of_staff("invalid_input")),
    "revert another product's change": (lambda door, shop: door.revert_product(shop.pot.pk, change_id=shop.repriced), of_staff("invalid_input")),
    "revert a missing product": (lambda door, shop: door.revert_product(NO_ID, change_id=1), of_staff("not_found")),
    "change prices": (lambda door, shop: door.change_prices(percent=10, filters={"category": "drinks"}), of_staff()),
    "change prices as previewed": (lambda door, shop: door.change_prices(percent=-2.5, as_of="0", filters={"q": "p", "in_stock": True}), of_staff()),
    "change prices with a key": (lambda door, shop: door.change_prices(percent=10, filters={"low_stock": True}, key="k"), of_staff()),
    "change prices with a key that is none": (lambda door, shop: door.change_prices(percent=10, filters={}, key="x" * 256), of_staff("invalid_input")),
    "change all prices": (lambda door, shop: door.change_prices(percent=10, filters={}), of_staff()),
    "change prices of nothing": (lambda door, shop: door.change_prices(percent=10, filters={"category": "pots"}), of_staff("invalid_input")),
    "change prices by nothing": (lambda door, shop: door.change_prices(percent=0, filters={"q": "tea"}), of_staff("invalid_input")),
    "change prices badly": (lambda door, shop: door.change_prices(percent=10_001, as_of="now" * 10, filters={"q": "tea"}), of_staff("invalid_input")),
    "change prices as of nothing": (lambda door, shop: door.change_prices(percent=10, as_of="now", filters={}), of_staff("invalid_input")),
    "undo a change of prices": (lambda door, shop: door.undo_price_change(shop.raised), of_staff()),
    "undo a change of prices again": (lambda door, shop: door.undo_price_change(shop.undone), of_staff("invalid_transition")),
    "undo a missing change of prices": (lambda door, shop: door.undo_price_change(NO_ID), of_staff("not_found")),
    "set an image": (lambda door, shop: door.set_product_image(shop.pot.pk, PNG), of_staff()),
    "set an image from the right version": (lambda door, shop: door.set_product_image(shop.tea.pk, PNG, shop.tea_version), of_staff()),
    "set an image from a stale version": (lambda door, shop: door.set_product_image(shop.tea.pk, PNG, 1), of_staff("version_mismatch")),
    "set an image of another format": (lambda door, shop: door.set_product_image(shop.pot.pk, b"<svg/>"), of_staff("invalid_input")),
    "set an image that is damaged": (lambda door, shop: door.set_product_image(shop.pot.pk, PNG[:60]), of_staff("invalid_input")),
    "set an empty image": (lambda door, shop: door.set_product_image(shop.pot.pk, b""), of_staff("invalid_input")),
    "set the image of a missing product": (lambda door, shop: door.set_product_image(NO_ID, PNG), of_staff("not_found")),
    "remove an image": (lambda door, shop: door.remove_product_image(shop.tea.pk), of_staff()),
    "remove an image from a stale version": (lambda door, shop: door.remove_product_image(shop.tea.pk, 1), of_staff("version_mismatch")),
    "remove an image that is not there": (lambda door, shop: door.remove_product_image(shop.pot.pk), of_staff()),
    "remove the image of a missing product": (lambda door, shop: door.remove_product_image(NO_ID), of_staff("not_found")),
    "delete": (lambda door, shop: door.delete_product(shop.tea.pk), of_staff()),
    "delete a missing product": (lambda door, shop: door.delete_product(NO_ID), of_staff("not_found")),
    "create many": (lambda door, shop: door.create_products([NEW, NEW | {"price": 0}, NEW | {"sku": "tea"}]), of_staff()),
    "change many": (lambda door, shop: door.change_products([{"sku": "tea", "price": 3, "add_stock": -2}, {"sku": "TEA", "price": 1}, {"sku": "none"}, {"sku": "tea", "price": 0}]), of_staff()),
    "change many badly": (lambda door, shop: door.change_products([{"sku": "tea", "stock": 1, "add_stock": 1}]), of_staff()),
    "change many below zero": (lambda door, shop: door.change_products([{"sku": "tea", "add_stock": -1000, "reorder_level": 9}]), of_staff()),
    "change none": (lambda door, shop: door.change_products([]), of_staff("invalid_input")),
    "create none": (lambda door, shop: door.create_products([]), of_staff("invalid_input")),
    "place": (lambda door, shop: door.place_order([(shop.tea.pk, 2), (shop.tea.pk, 1)]), of_signed_in()),
    "place with a key": (lambda door, shop: door.place_order([(shop.tea.pk, 2)], key="k"), of_signed_in()),
    "place with a key that is none": (lambda door, shop: door.place_order([(shop.tea.pk, 2)], key="x" * 256), of_signed_in("invalid_input")),
    "place nothing": (lambda door, shop: door.place_order([]), of_signed_in("invalid_input")),
    "place badly": (lambda door, shop: door.place_order([(shop.tea.pk, 1), (0, -1)]), of_signed_in("invalid_input")),
    "place what is not there": (lambda door, shop: door.place_order([(NO_ID, 1)]), of_signed_in("invalid_input")),
    "place more than there is": (lambda door, shop: door.place_order([(shop.tea.pk, 1), (shop.pot.pk, 1)]), of_signed_in("out_of_stock")),
    "pay": (lambda door, shop: door.move_order("pay", shop.order.pk), move_of_staff()),
    "ship": (lambda door, shop: door.move_order("ship", shop.paid.pk), move_of_staff()),
    "ship with a tracking number": (lambda door, shop: door.move_order("ship", shop.paid.pk, carrier="Zoë's post", tracking_number="00 42"), move_of_staff()),
    "ship with a carrier too long": (lambda door, shop: door.move_order("ship", shop.paid.pk, carrier="x" * 61), of_signed_in("invalid_input")),
    "deliver": (lambda door, shop: door.move_order("deliver", shop.shipped.pk), move_of_staff()),
    "refund": (lambda door, shop: door.move_order("refund", shop.delivered.pk), move_of_staff()),
    "cancel what is delivered": (lambda door, shop: door.move_order("cancel", shop.delivered.pk), move_of_staff("invalid_transition") | {"owner": "invalid_transition"}),
    "ship what is not paid": (lambda door, shop: door.move_order("ship", shop.order.pk), move_of_staff("invalid_transition")),
    "deliver what is not shipped": (lambda door, shop: door.move_order("deliver", shop.order.pk), move_of_staff("invalid_transition")),
    "refund what is not paid": (lambda door, shop: door.move_order("refund", shop.order.pk), move_of_staff("invalid_transition")),
    "cancel": (lambda door, shop: door.move_order("cancel", shop.order.pk), move_of_staff() | {"owner": None}),
    **{
        f"{verb} a missing order": (lambda door, shop, verb=verb: door.move_order(verb, NO_ID), of_signed_in("not_found"))
        for verb in ORDER_VERBS
    },
    "pay many": (lambda door, shop: door.move_orders("pay", [{"order_id": pk} for pk in (shop.order.pk, shop.paid.pk, NO_ID, shop.guests.pk, shop.order.pk)]), of_signed_in()),
    "ship many": (lambda door, shop: door.move_orders("ship", [{"order_id": shop.paid.pk, "carrier": "DHL", "tracking_number": "00 42"}, {"order_id": shop.order.pk, "carrier": "x" * 61}, {"order_id": 0}]), of_signed_in()),
    "deliver many by a key": (lambda door, shop: door.move_orders("deliver", [{"order_id": shop.shipped.pk}], key="k"), of_signed_in()),
    "refund many by a key that is none": (lambda door, shop: door.move_orders("refund", [{"order_id": shop.paid.pk}], key="x" * 256), of_signed_in("invalid_input")),
    "cancel many": (lambda door, shop: door.move_orders("cancel", [{"order_id": pk} for pk in (shop.paid.pk, shop.order.pk, shop.delivered.pk, shop.guests.pk)]), of_signed_in()),
    "move many by a verb unknown": (lambda door, shop: door.move_orders("lose", [{"order_id": shop.paid.pk}]), of_signed_in("invalid_input")),
    "move none": (lambda door, shop: door.move_orders("pay", []), of_signed_in("invalid_input")),
    "register": (lambda door, shop: door.register(**ADA), of_anyone()),
    "register badly": (lambda door, shop: door.register(username="a b", email="x", password="1"), of_anyone("invalid_input")),
    "register a taken email": (lambda door, shop: door.register(**ADA | {"email": "OWNER@example.com"}), of_anyone("already_exists")),
    "register a taken name": (lambda door, shop: door.register(**ADA | {"username": "owner"}), of_anyone("already_exists")),
    "sign in": (lambda door, shop: door.sign_in(username="owner", password=PASSWORD), of_anyone()),
    "sign in badly": (lambda door, shop: door.sign_in(username="owner", password="wrong"), of_anyone("unauthenticated")),
    "sign in without a name": (lambda door, shop: door.sign_in(username="", password=""), of_anyone("invalid_input")),
    "refresh": (lambda door, shop: door.refresh(shop.refresh_token), of_anyone()),
    "refresh by what is no token": (lambda door, shop: door.refresh("x"), of_anyone("unauthenticated")),
    "sign out": (lambda door, shop: door.sign_out(shop.refresh_token), of_anyone()),
    "sign out by what is no token": (lambda door, shop: door.sign_out("x"), of_anyone("unauthenticated")),
}
# fmt: on

REPLACING = "a change names what changes; only PUT is there to replace"
# What a door can't be asked, and why. Every other operation is asked of every door.
ABSENT: dict[str, dict[str, str]] = {
    "products, a page too large": {"gRPC": "by the contract page_size above 100 is served as 100"},
    "update to null": {
        "GraphQL": "an argument that is null is not given: it stays as it is",
        "gRPC": "proto3 has no null: a field that is not set stays as it is",
    },
    "take a sku away": {"gRPC": "proto3 has no null: an empty sku takes it away"},
    "sales without days": {"GraphQL": "the arguments are required: the document is not valid"},
    "move many by a verb unknown": {"GraphQL": "the verb is an enum: the document is not valid"},
    "replace": {"GraphQL": REPLACING, "gRPC": REPLACING},
    "replace by half of it": {"GraphQL": REPLACING, "gRPC": REPLACING},
    "replace a missing product": {"GraphQL": REPLACING, "gRPC": REPLACING},
}

# Each verb of a door in the words of REST, GraphQL and gRPC, so that nothing they offer is left out.
VERBS: dict[str, tuple[str, str, str]] = {
    "product": ("GET /products/{id}", "product", "GetProduct"),
    "products": ("GET /products", "allProducts", "ListProducts"),
    "create_product": ("POST /products", "createProduct", "CreateProduct"),
    "update_product": ("PATCH /products/{id}", "updateProduct", "UpdateProduct"),
    "replace_product": ("PUT /products/{id}", "", ""),
    "delete_product": ("DELETE /products/{id}", "deleteProduct", "DeleteProduct"),
    "create_products": ("POST /products/batch", "batchCreateProducts", "BatchCreateProducts"),
    "change_products": ("POST /products/changes", "batchChangeProducts", "BatchChangeProducts"),
    "price_change": ("GET /price-changes/{id}", "priceChange", "GetPriceChange"),
    "price_changes": ("GET /price-changes", "allPriceChanges", "ListPriceChanges"),
    "preview_prices": ("POST /price-changes/preview", "previewPrices", "PreviewPrices"),
    "change_prices": ("POST /price-changes", "changePrices", "ChangePrices"),
    "undo_price_change": ("POST /price-changes/{id}/undo", "undoPriceChange", "UndoPriceChange"),
    "category": ("GET /categories/{id}", "category", "GetCategory"),
    "categories": ("GET /categories", "allCategories", "ListCategories"),
    "create_category": ("POST /categories", "createCategory", "CreateCategory"),
    "update_category": ("PATCH /categories/{id}", "updateCategory", "UpdateCategory"),
    "delete_category": ("DELETE /categories/{id}", "deleteCategory", "DeleteCategory"),
    "correct_stock": ("POST /products/{id}/stock", "correctStock", "CorrectStock"),
    "revert_product": ("POST /products/{id}/revert", "revertProduct", "RevertProduct"),
    "set_product_image": ("PUT /products/{id}/image", "setProductImage", "SetProductImage"),
    "remove_product_image": ("DELETE /products/{id}/image", "removeProductImage", "RemoveProductImage"),
    "product_history": ("GET /products/{id}/history", "productHistory", "ListProductHistory"),
    "order_history": ("GET /orders/{id}/history", "orderHistory", "ListOrderHistory"),
    "me": ("GET /users/me", "me", "GetMe"),
    "user": ("GET /users/{id}", "user", "GetUser"),
    "users": ("GET /users", "allUsers", "ListUsers"),
    "orders": ("GET /orders", "allOrders", "ListOrders"),
    "orders_of": ("GET /users/{id}/orders", "user", "ListUserOrders"),
    "order": ("GET /orders/{id}", "order", "GetOrder"),
    "place_order": ("POST /orders", "placeOrder", "PlaceOrder"),
    **{f"move_order({verb})": (f"POST /orders/{{id}}/{verb}", f"{verb}Order", rpc_name(verb)) for verb in ORDER_VERBS},
    "move_orders": ("POST /orders/moves", "batchMoveOrders", "BatchMoveOrders"),
    "sales": ("GET /sales", "sales", "GetSales"),
    "register": ("POST /users", "registerUser", "RegisterUser"),
    "sign_in": ("POST /auth/token", "obtainToken", "ObtainToken"),
    "refresh": ("POST /auth/token/refresh", "refreshToken", "RefreshToken"),
    "sign_out": ("POST /auth/token/revoke", "revokeToken", "RevokeToken"),
}

# What one protocol alone has, and why. Streams are live in each protocol's way: tests/catalog has them.
ALONE: dict[str, str] = {
    "node": "GraphQL's own way to name a row, Relay's",
    "searchProducts": "allProducts with q, as a plain list",
}
