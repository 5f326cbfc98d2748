from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "webhooks"

    def ready(self) -> None:
        from core.feed.events import CONSUMERS
        from webhooks import examinations, metrics  # noqa: F401  # registers them
        from webhooks.planning import position_reached

        CONSUMERS["deliverwebhooks"] = position_reached
