"""Reports over GraphQL."""

from typing import Any

import graphene
from graphql import GraphQLResolveInfo

from core.protocols.graph.context import graphql_caller
from core.protocols.graph.derived import filter_arguments
from reports.filters import SalesFilter, period_in
from reports.report import sales_report
from reports.serializers import SalesReportSerializer


class PeriodSalesType(graphene.ObjectType):
    """The figures of the orders that were placed in a period."""

    class Meta:
        name = "PeriodSales"

    created_from = graphene.String(required=True, description="The first day.")
    created_to = graphene.String(required=True, description="The last day, included.")
    order_count = graphene.Int(required=True, description="Orders that were neither cancelled nor refunded.")
    revenue = graphene.Float(required=True, description="In major units of the shop's currency, two decimals.")
    average_order = graphene.Float(description="Null if there is no order.")
    cancelled_count = graphene.Int(required=True)
    cancelled_total = graphene.Float(required=True)
    refunded_count = graphene.Int(required=True)
    refunded_total = graphene.Float(required=True)


class DaySalesType(graphene.ObjectType):
    """The figures of the orders that were placed on a day."""

    class Meta:
        name = "DaySales"

    day = graphene.String(required=True)
    order_count = graphene.Int(required=True, description="Orders that were neither cancelled nor refunded.")
    revenue = graphene.Float(required=True)


class BestSellerType(graphene.ObjectType):
    """A product, with its sales in the period."""

    class Meta:
        name = "BestSeller"

    product_id = graphene.Int(required=True)
    name = graphene.String(required=True, description="Of a deleted product: the name in its last order.")
    is_deleted = graphene.Boolean(required=True)
    units = graphene.Float(required=True, description="A whole number, which may be too large for an Int.")
    revenue = graphene.Float(required=True)


class SalesReportType(graphene.ObjectType):
    """The sales of a period, and those of the period before."""

    class Meta:
        name = "SalesReport"

    time_zone = graphene.String(required=True, description="The time zone of the shop, in which its days begin.")
    sales = graphene.Field(PeriodSalesType, required=True)
    before = graphene.Field(
        PeriodSalesType, required=True, description="The same days of the month before, or as many days just before."
    )
    days = graphene.List(graphene.NonNull(DaySalesType), required=True, description="Each day of the period.")
    best_sellers = graphene.List(
        graphene.NonNull(BestSellerType), required=True, description="The 10 products of the highest revenue."
    )


class Query(graphene.ObjectType):
    sales = graphene.Field(
        SalesReportType,
        **filter_arguments(SalesFilter),
        description="The sales of some days, exact, against the period before. At most 1,098 days. For staff.",
    )

    def resolve_sales(self, info: GraphQLResolveInfo, **days: Any) -> Any:
        report = sales_report(actor=graphql_caller(info, sales_report), period=period_in(days))
        return SalesReportSerializer(report).data
