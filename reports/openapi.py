"""OpenAPI descriptions of reports."""

from datetime import date

from drf_spectacular.utils import OpenApiParameter, extend_schema_view

from core.lists.filters import filters_of
from core.openapi.documents import CONDITIONAL, operation
from reports.filters import SalesFilter
from reports.serializers import SalesReportSerializer

SALES = {
    "created_from": "2026-11-01",
    "created_to": "2026-11-30",
    "order_count": 2,
    "revenue": 26.0,
    "average_order": 13.0,
    "cancelled_count": 1,
    "cancelled_total": 6.5,
    "refunded_count": 0,
    "refunded_total": 0.0,
}
REPORT = {
    "time_zone": "UTC",
    "sales": SALES,
    "before": SALES | {"created_from": "2026-10-01", "created_to": "2026-10-31"},
    "days": [{"day": "2026-11-22", "order_count": 2, "revenue": 26.0}],
    "best_sellers": [
        {"product_id": 7, "name": "Breakfast tea, 250 g", "is_deleted": False, "units": 4, "revenue": 26.0}
    ],
}
DAYS = [
    OpenApiParameter(name, date, required=True, description=one.extra["help_text"])
    for name, one in filters_of(SalesFilter).items()
]
sales = extend_schema_view(
    get=operation(
        "getSales",
        "Get the sales of some days",
        answer=SalesReportSerializer,
        got=REPORT,
        errors=[304, 403, 412],
        headers=[*DAYS, *CONDITIONAL],
        description="Revenue, orders, average order and best sellers, against the period before, with cancelled and "
        "refunded orders apart. Exact. At most 1,098 days. For staff.",
    )
)
