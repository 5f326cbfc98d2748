"""The fields of reports, and the places that must have them in each protocol."""

from collections.abc import Callable

from protos import report_pb2
from reports.serializers import (
    BestSellerSerializer,
    DaySalesSerializer,
    PeriodSalesSerializer,
    SalesReportSerializer,
)
from tests.support.protocol_names import Names, Place, in_graphql, in_openapi, in_proto, outputs

SERIALIZERS = {
    "SalesReport": SalesReportSerializer,
    "PeriodSales": PeriodSalesSerializer,
    "DaySales": DaySalesSerializer,
    "BestSeller": BestSellerSerializer,
}
REPORT_FIELDS: dict[str, tuple[Callable[[], Names], list[Place]]] = {
    f"{name} of a report": (
        lambda kind=kind: outputs(kind),
        [in_graphql(name), in_proto(getattr(report_pb2, name)), *in_openapi(name)],
    )
    for name, kind in SERIALIZERS.items()
}
