from django.apps import AppConfig, apps
from django.conf import settings
from django.db.models.signals import post_migrate


class ProjectConfig(AppConfig):
    """The project package as an app: its command `quickstart`, its templates and its static files."""

    name = "ecommerce"
    label = "project"  # `core` has the label ecommerce, which its tables are named after

    def ready(self) -> None:
        from core.postgresql.role_timeouts import set_role_timeouts
        from core.request_log.storing import StoringHandler
        from core.server import logs
        from core.server.start import checks  # noqa: F401  # registers the system check

        if settings.REQUEST_LOG_DAYS:  # not in LOGGING, which is read before there are models
            handler = StoringHandler()
            handler.addFilter(logs.RequestIdFilter())
            logs.log.addHandler(handler)
            logs.log.setLevel("INFO")
        post_migrate.connect(set_role_timeouts, sender=apps.get_app_config("ecommerce"))  # that of `core`
