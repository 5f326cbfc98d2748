from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "catalog"

    def ready(self) -> None:
        from catalog import triggers  # noqa: F401  # registers the triggers that the system check looks for
        from catalog.images.files import prune_images
        from core.pruning import PRUNERS

        PRUNERS["files of images"] = prune_images
