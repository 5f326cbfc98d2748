from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import triggers  # noqa: F401  # registers the triggers that the system check looks for
        from accounts.pruning import prune_sessions
        from core.pruning import PRUNERS

        PRUNERS["expired sessions"] = prune_sessions
