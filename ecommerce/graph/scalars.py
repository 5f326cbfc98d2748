"""Values as they are written in every protocol."""

from datetime import datetime

import graphene


class DateTime(graphene.DateTime):
    """A moment in UTC, as ISO 8601: 2026-11-23T09:30:00.123456Z."""

    @staticmethod
    def serialize(moment: datetime) -> str:
        return graphene.DateTime.serialize(moment).replace("+00:00", "Z")  # as in REST
