from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate


class CoreConfig(AppConfig):
    name = "core"
    label = "ecommerce"  # the label of its tables and migrations
    verbose_name = "For developers"  # its section of the admin

    def ready(self) -> None:
        from core.history.origins import add_origins, renew_origins
        from core.request_log import triggers  # noqa: F401  # registers the triggers that the system check looks for

        connection_created.connect(add_origins)
        post_migrate.connect(renew_origins)
