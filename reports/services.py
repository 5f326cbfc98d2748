"""Reports over gRPC."""

from core.permissions import guarded_by
from core.protocols.rpc.caller import CallContext
from core.protocols.rpc.pages import filters_in
from core.protocols.rpc.service import Service
from protos import report_pb2 as pb
from reports.filters import SalesFilter, period_in
from reports.report import sales_report
from reports.serializers import SalesReportSerializer


class ReportService(Service):
    descriptor = pb.DESCRIPTOR.services_by_name["ReportService"]
    queryset = None

    @guarded_by(sales_report)
    def GetSales(self, request: pb.GetSalesRequest, context: CallContext) -> pb.GetSalesResponse:
        report = sales_report(actor=self.caller, period=period_in(filters_in(SalesFilter, request)))
        return pb.GetSalesResponse(report=SalesReportSerializer(report).data)
