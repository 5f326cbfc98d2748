"""Reports over REST."""

from rest_framework.request import Request
from rest_framework.response import Response

from core.permissions import guarded_by
from core.protocols.rest.views import ShopView
from core.serializers import in_version
from reports import openapi
from reports.filters import period_in
from reports.report import sales_report
from reports.serializers import SalesReportSerializer


@openapi.sales
class SalesView(ShopView):
    @guarded_by(sales_report)
    def get(self, request: Request) -> Response:
        report = sales_report(actor=request.user, period=period_in(request.query_params))
        return Response(in_version(request.version, SalesReportSerializer)(report).data)
