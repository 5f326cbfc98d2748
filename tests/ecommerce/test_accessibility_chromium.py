"""The pages of the admin by axe-core, in both themes, and their width on a phone."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from accounts.models import User
from catalog.actions import set_product_image
from catalog.models import Product
from samples.demo.loading import STAFF, prepare
from tests.support.chromium import Browser, Page
from tests.support.images import image_file
from tests.support.live import Shop

pytestmark = pytest.mark.unmeasured

PASSWORD, ARTICLE = "a-demo-password", "TEA-001"  # the SKU of product 1
PRODUCTS, ORDERS, USERS = "/admin/catalog/product/", "/admin/orders/order/", "/admin/accounts/user/"
PATHS = (
    *("/admin/", ORDERS, f"{ORDERS}1/change/", PRODUCTS, f"{PRODUCTS}add/", f"{PRODUCTS}1/change/"),
    *(f"{PRODUCTS}1/delete/", f"{PRODUCTS}import/", "/admin/reports/salesday/?period=last_month", USERS),
    *(f"{USERS}1/change/", f"{USERS}security/", "/admin/webhooks/endpoint/", "/admin/webhooks/endpoint/add/"),
    *("/admin/catalog/category/", "/admin/catalog/category/2/change/", f"{PRODUCTS}change-prices/filter/?category=1"),
    *("/admin/webhooks/delivery/", f"{PRODUCTS}?q=a", f"{PRODUCTS}?q=zzzz", "/admin/password_change/"),
    *(f"{PRODUCTS}1/history/", f"{ORDERS}1/history/", f"{USERS}add/", "/admin/ecommerce/loggedrequest/"),
)
# Only colours differ between the themes.
AUDIT = """
(async () => {
  const found = [];
  for (const isDark of [false, true]) {
    document.documentElement.classList.toggle('dark', isDark);
    const rules = isDark ? {runOnly: ['color-contrast', 'link-in-text-block']} : {};
    const {violations} = await axe.run(document, {resultTypes: ['violations'], ...rules});
    for (const {id, impact, nodes} of violations) {
      if (['serious', 'critical'].includes(impact)) found.push(`${isDark ? 'dark' : 'light'} ${id}: ${nodes[0].html}`);
    }
  }
  return found;
})()
"""
CHOOSE = """
const action = document.querySelector('select[name=action]');
action.value = '%s';
action.form.requestSubmit()
"""
# The back of a dialogue closes it, as Escape does.
OUT_OF_REACH = """
[...document.querySelectorAll('*')]
  .filter(each => each.getAttributeNames().some(name => /^(x-on:|@)click(?!.*outside)/.test(name)))
  .filter(each => !each.closest('button, a[href], input, select, label, summary'))
  .filter(each => each.tabIndex < 0)
  .filter(each => each.id !== 'changelist-filter-close')
  .map(each => each.outerHTML.slice(0, 200))
"""
STILL = """
const still = document.createElement('style');
still.textContent = '* { transition: none !important }';
document.head.append(still)
"""


@pytest.fixture(scope="module")
def shop(live_shops) -> Shop:
    shop: Shop = live_shops()
    with shop.database():
        prepare(PASSWORD)
        set_product_image(actor=User.objects.get(username=STAFF), product_id=1, content=image_file("JPEG", (640, 480)))
    return shop


@pytest.fixture(scope="module")
def signed_in(chromium: Browser, shop: Shop) -> Iterator[Page]:
    with chromium.page(f"{shop.url}/admin/login/") as page:
        page.wait_for("document.querySelector('[name=password]')")
        for name, value in (("username", STAFF), ("password", PASSWORD)):
            page.value_of(f"document.querySelector('[name={name}]').value = {json.dumps(value)}")
        page.value_of("window.isLeft = true; document.querySelector('[name=password]').form.submit(); 0")
        page.wait_for("!window.isLeft && document.readyState === 'complete'")
        yield page


def audit(page: Page, npm_packages: str) -> list[str]:
    """Return the serious and critical findings in the page that is open."""
    page.wait_for("!document.documentElement.hasAttribute('x-cloak')")
    axe = (Path(npm_packages) / "node_modules" / "axe-core" / "axe.min.js").read_text()
    page.value_of(f"{axe}; {STILL}; 0")
    found: list[str] = page.value_of(AUDIT)
    return found


def leave(page: Page, script: str) -> None:
    """Run a script that opens another page, and wait for it."""
    page.value_of(f"window.isLeft = true; {script}; 0")
    page.wait_for("!window.isLeft && document.readyState === 'complete'")


def is_wide(page: Page) -> bool:
    wide: bool = page.value_of("document.documentElement.scrollWidth > innerWidth")
    return wide


def test_no_page_has_serious_violations_in_either_theme(shop: Shop, signed_in: Page, npm_packages: str) -> None:
    found = {}
    for path in PATHS:
        signed_in.go(shop.url + path)
        if violations := audit(signed_in, npm_packages):
            found[path] = violations

    assert signed_in.value_of("location.pathname") == "/admin/ecommerce/loggedrequest/"  # still signed in
    assert found == {}


def test_keyboard_reaches_the_content_at_once(shop: Shop, signed_in: Page) -> None:
    signed_in.go(f"{shop.url}{PRODUCTS}")
    link = "document.querySelector('body a[href]')"

    assert signed_in.value_of(f"{link}.textContent") == "Skip to the content"
    signed_in.value_of(f"{link}.click()")

    assert signed_in.value_of("document.activeElement.tagName") == "MAIN"


def test_keyboard_reaches_all_that_a_click_acts_on(shop: Shop, signed_in: Page) -> None:
    out_of_reach = {}
    for path in PATHS:
        signed_in.go(shop.url + path)
        out_of_reach[path] = signed_in.value_of(OUT_OF_REACH)

    assert {path: found for path, found in out_of_reach.items() if found} == {}


def test_browser_shows_the_image_of_a_product(shop: Shop, signed_in: Page) -> None:
    with shop.database():
        name = Product.objects.get(pk=1).image
    image = f"document.querySelector('img[src=\"/media/thumbnails/{name}\"]')"

    for path in (f"{PRODUCTS}?q={ARTICLE}", f"{PRODUCTS}1/change/"):
        signed_in.go(shop.url + path)
        signed_in.wait_for(f"{image}.complete")
        assert signed_in.value_of(f"{image}.naturalWidth") == 320, path


def test_enter_in_the_command_search_opens_the_first_result(shop: Shop, signed_in: Page) -> None:
    with shop.database():
        product = Product.objects.create(name="Zeppelin of tin", price=5)
    signed_in.errors.clear()
    signed_in.go(f"{shop.url}/admin/")
    signed_in.command("Input.dispatchKeyEvent", type="keyDown", key="k", code="KeyK", modifiers=2)
    signed_in.wait_for("document.activeElement.id === 'search-input-command'")

    signed_in.command("Input.insertText", text="zeppelin")
    signed_in.command("Input.dispatchKeyEvent", type="keyUp", key="n")
    signed_in.wait_for("document.querySelector('#command-results a')")
    signed_in.command("Input.dispatchKeyEvent", type="keyDown", key="Enter", windowsVirtualKeyCode=13)

    signed_in.wait_for("location.pathname !== '/admin/'")
    assert signed_in.value_of("location.pathname") == f"/admin/catalog/product/{product.pk}/change/"
    assert signed_in.errors == []


def test_field_to_fill_first_has_the_focus_however_late_the_page_is_shown(shop: Shop, signed_in: Page) -> None:
    for _ in range(5):  # the browser renders some of the pages before Alpine has started
        signed_in.go(f"{shop.url}{PRODUCTS}change-prices/filter/?category=2")

        signed_in.wait_for("document.activeElement.name === 'percent'")


def test_pages_between_the_steps_of_a_task_have_no_serious_violations(
    shop: Shop, signed_in: Page, npm_packages: str
) -> None:
    found, page = {}, signed_in
    page.go(f"{shop.url}{ORDERS}?status__exact=paid")
    page.value_of("document.querySelectorAll('input.action-select').forEach(each => each.click()); 0")
    found["selected"] = audit(page, npm_packages)
    leave(page, CHOOSE % "ship_orders")
    found["asked"] = audit(page, npm_packages)
    leave(page, "document.getElementById('move-form').requestSubmit()")
    found["moved"] = audit(page, npm_packages)
    moved = page.value_of("document.querySelectorAll('td[data-label=Result]').length")
    page.go(f"{shop.url}{PRODUCTS}change-prices/filter/?category=2")
    page.value_of("document.querySelector('[name=percent]').value = '10'; 0")
    leave(page, "document.querySelector('[name=preview]').click()")
    found["preview"] = audit(page, npm_packages)
    leave(page, "document.querySelector('[name=apply]').click()")
    found["message"] = audit(page, npm_packages)
    page.go(f"{shop.url}{PRODUCTS}1/history/")
    found["history"] = audit(page, npm_packages)

    assert moved > 1
    assert page.value_of("document.querySelector('td[data-label=Fields] del').textContent") == "8.90"
    assert not any(found.values()), found


@pytest.fixture
def phone(signed_in: Page) -> Iterator[Page]:
    signed_in.command("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=True)
    yield signed_in
    signed_in.command("Emulation.clearDeviceMetricsOverride")


def test_tracking_numbers_are_in_sight_on_a_phone(shop: Shop, phone: Page) -> None:
    phone.go(f"{shop.url}{ORDERS}")
    phone.value_of("document.querySelector('input.action-select').click(); 0")
    leave(phone, CHOOSE % "ship_orders")

    right = phone.value_of("document.querySelector('[name^=tracking_number]').getBoundingClientRect().right")

    assert 0 < right <= 390
    assert not is_wide(phone)


def test_no_page_is_wider_than_a_phone(shop: Shop, phone: Page) -> None:
    wide = []
    for path in PATHS:
        phone.go(shop.url + path)
        if is_wide(phone):
            wide.append(path)

    assert wide == []


def is_shown(page: Page, selector: str) -> bool:
    shown: bool = page.value_of(f"[...document.querySelectorAll({selector!r})].some(each => each.checkVisibility())")
    return shown


def press_enter_on(page: Page, selector: str) -> None:
    """Focus the element of the selector that is shown, and press Enter there."""
    page.value_of(f"[...document.querySelectorAll({selector!r})].find(each => each.checkVisibility()).focus(); 0")
    page.command("Input.dispatchKeyEvent", type="keyDown", key="Enter", text="\r", windowsVirtualKeyCode=13)
    page.command("Input.dispatchKeyEvent", type="keyUp", key="Enter", windowsVirtualKeyCode=13)


def test_keyboard_opens_and_closes_the_menu_of_a_phone(shop: Shop, phone: Page) -> None:
    phone.go(f"{shop.url}/admin/")
    assert not is_shown(phone, "#nav-sidebar a")

    press_enter_on(phone, "[aria-label=Menu]")
    phone.wait_for("document.querySelector('#nav-sidebar a').checkVisibility()")
    press_enter_on(phone, "[aria-label='Close the menu']")

    phone.wait_for("!document.querySelector('#nav-sidebar a').checkVisibility()")


def test_keyboard_opens_and_closes_the_filters_of_a_list(shop: Shop, signed_in: Page) -> None:
    signed_in.go(f"{shop.url}{ORDERS}")
    press_enter_on(signed_in, "main button[aria-expanded]")

    signed_in.wait_for("document.activeElement.name === 'status__exact'")
    signed_in.command("Input.dispatchKeyEvent", type="rawKeyDown", key="Escape", windowsVirtualKeyCode=27)

    signed_in.wait_for("!document.querySelector('#changelist-filter').checkVisibility()")


def test_command_search_opens_without_its_shortcut(shop: Shop, phone: Page, npm_packages: str) -> None:
    phone.errors.clear()
    phone.go(f"{shop.url}/admin/")
    press_enter_on(phone, "[aria-label=Menu]")
    phone.wait_for("document.querySelector('#open-search').checkVisibility()")
    assert audit(phone, npm_packages) == []

    phone.value_of("document.querySelector('#open-search').click(); 0")

    phone.wait_for("document.activeElement.id === 'search-input-command'")
    assert phone.errors == []


def test_keyboard_changes_the_theme_in_the_account_menu(shop: Shop, signed_in: Page, npm_packages: str) -> None:
    signed_in.go(f"{shop.url}/admin/")
    press_enter_on(signed_in, "[aria-label=Menu]")
    signed_in.wait_for("document.querySelector('#open-account').checkVisibility()")
    press_enter_on(signed_in, "#open-account")
    signed_in.wait_for("document.querySelector('#logout-form').checkVisibility()")

    press_enter_on(signed_in, "[role=group][aria-label=Theme] button:nth-child(2)")
    signed_in.wait_for("document.documentElement.classList.contains('dark')")
    press_enter_on(signed_in, "[role=group][aria-label=Theme] button:first-child")

    signed_in.wait_for("!document.documentElement.classList.contains('dark')")
    assert audit(signed_in, npm_packages) == []
