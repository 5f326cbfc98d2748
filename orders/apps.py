from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "orders"

    def ready(self) -> None:
        from orders import metrics, triggers  # noqa: F401  # registers gauges, and triggers that the system check looks for
