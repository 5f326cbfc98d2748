from django.apps import AppConfig


class EcommerceConfig(AppConfig):
    name = "ecommerce"

    def ready(self) -> None:
        from ecommerce import checks  # noqa: F401  # registers the system check
