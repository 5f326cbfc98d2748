"""Changes, as every protocol shows them."""

from core.lists.keyset import Sort
from core.serializers import ShopModelSerializer, ShopSerializer, TextField

HISTORY = Sort("id", descending=True)


class FieldChangeSerializer(ShopSerializer):
    """A field before and after a change, as text. A new row has no old values, a deleted row no new ones."""

    field = TextField(read_only=True)
    old = TextField(read_only=True, allow_null=True)
    new = TextField(read_only=True, allow_null=True)


class ChangeSerializer(ShopModelSerializer):
    """A change of a row: its origin, and the fields that differ."""

    fields = FieldChangeSerializer(many=True, read_only=True)  # type: ignore[assignment]  # a field of the response

    class Meta:
        fields: tuple[str, ...] = ("id", "kind", "at", "actor_id", "protocol", "request_id", "reason", "fields")
