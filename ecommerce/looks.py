"""The settings of the admin's looks, by django-unfold."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy

SIDEBAR = {
    "show_search": True,
    "navigation": [
        {
            "title": "Shop",
            "items": [
                {"title": "Dashboard", "icon": "dashboard", "link": reverse_lazy("admin:index")},
                {
                    "title": "Orders",
                    "icon": "receipt_long",
                    "link": reverse_lazy("admin:orders_order_changelist"),
                },
                {
                    "title": "Products",
                    "icon": "inventory_2",
                    "link": reverse_lazy("admin:catalog_product_changelist"),
                },
                {
                    "title": "Categories",
                    "icon": "account_tree",
                    "link": reverse_lazy("admin:catalog_category_changelist"),
                },
                {
                    "title": "Sales",
                    "icon": "monitoring",
                    "link": reverse_lazy("admin:reports_salesday_changelist"),
                },
                {"title": "Users", "icon": "group", "link": reverse_lazy("admin:accounts_user_changelist")},
            ],
        },
        {
            "title": "Webhooks",
            "separator": True,
            "items": [
                {
                    "title": "Endpoints",
                    "icon": "webhook",
                    "link": reverse_lazy("admin:webhooks_endpoint_changelist"),
                },
                {
                    "title": "Deliveries",
                    "icon": "outbox",
                    "link": reverse_lazy("admin:webhooks_delivery_changelist"),
                },
            ],
        },
        {
            "title": "For developers",
            "separator": True,
            "items": [
                {
                    "title": "Requests",
                    "icon": "manage_search",
                    "link": reverse_lazy("admin:ecommerce_loggedrequest_changelist"),
                },
                {"title": "REST API", "icon": "api", "link": "/api/docs"},
                {"title": "GraphQL", "icon": "hub", "link": "/graphql"},
            ],
        },
    ],
}


def unfold(store_name: str) -> dict[str, Any]:
    """Return the setting UNFOLD."""
    return {
        "SITE_TITLE": store_name,
        "SITE_HEADER": store_name,
        "SITE_SYMBOL": "storefront",
        "SITE_URL": None,
        "SHOW_VIEW_ON_SITE": False,
        "SHOW_BACK_BUTTON": True,
        "LOGIN": {"form": "core.admin.sign_in.SignInForm"},
        "DASHBOARD_CALLBACK": "orders.admin.dashboard.fill_dashboard",
        "COMMAND": {"search_callback": "orders.admin.command_search.found_rows"},
        "STYLES": [lambda request: static("shop/admin.css")],
        "SCRIPTS": [lambda request: static("shop/admin.js")],
        "SITE_FAVICONS": [
            {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("shop/favicon.svg")},
        ],
        "SIDEBAR": SIDEBAR,
        "ACCOUNT": {"navigation": [{"title": "Security", "link": reverse_lazy("admin:accounts_user_security")}]},
    }
