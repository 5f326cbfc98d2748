from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "webhooks"

    def ready(self) -> None:
        from ecommerce.feed.events import READERS
        from webhooks.planning import place_reached

        READERS["deliverwebhooks"] = place_reached
