from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "catalog"

    def ready(self) -> None:
        from catalog import triggers  # noqa: F401  # registers the triggers that the system check looks for
