from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetSalesRequest(_message.Message):
    __slots__ = ("created_from", "created_to")
    CREATED_FROM_FIELD_NUMBER: _ClassVar[int]
    CREATED_TO_FIELD_NUMBER: _ClassVar[int]
    created_from: str
    created_to: str
    def __init__(self, created_from: _Optional[str] = ..., created_to: _Optional[str] = ...) -> None: ...

class GetSalesResponse(_message.Message):
    __slots__ = ("report",)
    REPORT_FIELD_NUMBER: _ClassVar[int]
    report: SalesReport
    def __init__(self, report: _Optional[_Union[SalesReport, _Mapping]] = ...) -> None: ...

class SalesReport(_message.Message):
    __slots__ = ("time_zone", "sales", "before", "days", "best_sellers")
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    SALES_FIELD_NUMBER: _ClassVar[int]
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    DAYS_FIELD_NUMBER: _ClassVar[int]
    BEST_SELLERS_FIELD_NUMBER: _ClassVar[int]
    time_zone: str
    sales: PeriodSales
    before: PeriodSales
    days: _containers.RepeatedCompositeFieldContainer[DaySales]
    best_sellers: _containers.RepeatedCompositeFieldContainer[BestSeller]
    def __init__(self, time_zone: _Optional[str] = ..., sales: _Optional[_Union[PeriodSales, _Mapping]] = ..., before: _Optional[_Union[PeriodSales, _Mapping]] = ..., days: _Optional[_Iterable[_Union[DaySales, _Mapping]]] = ..., best_sellers: _Optional[_Iterable[_Union[BestSeller, _Mapping]]] = ...) -> None: ...

class PeriodSales(_message.Message):
    __slots__ = ("created_from", "created_to", "order_count", "revenue", "average_order", "cancelled_count", "cancelled_total", "refunded_count", "refunded_total")
    CREATED_FROM_FIELD_NUMBER: _ClassVar[int]
    CREATED_TO_FIELD_NUMBER: _ClassVar[int]
    ORDER_COUNT_FIELD_NUMBER: _ClassVar[int]
    REVENUE_FIELD_NUMBER: _ClassVar[int]
    AVERAGE_ORDER_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_COUNT_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_TOTAL_FIELD_NUMBER: _ClassVar[int]
    REFUNDED_COUNT_FIELD_NUMBER: _ClassVar[int]
    REFUNDED_TOTAL_FIELD_NUMBER: _ClassVar[int]
    created_from: str
    created_to: str
    order_count: int
    revenue: float
    average_order: float
    cancelled_count: int
    cancelled_total: float
    refunded_count: int
    refunded_total: float
    def __init__(self, created_from: _Optional[str] = ..., created_to: _Optional[str] = ..., order_count: _Optional[int] = ..., revenue: _Optional[float] = ..., average_order: _Optional[float] = ..., cancelled_count: _Optional[int] = ..., cancelled_total: _Optional[float] = ..., refunded_count: _Optional[int] = ..., refunded_total: _Optional[float] = ...) -> None: ...

class DaySales(_message.Message):
    __slots__ = ("day", "order_count", "revenue")
    DAY_FIELD_NUMBER: _ClassVar[int]
    ORDER_COUNT_FIELD_NUMBER: _ClassVar[int]
    REVENUE_FIELD_NUMBER: _ClassVar[int]
    day: str
    order_count: int
    revenue: float
    def __init__(self, day: _Optional[str] = ..., order_count: _Optional[int] = ..., revenue: _Optional[float] = ...) -> None: ...

class BestSeller(_message.Message):
    __slots__ = ("product_id", "name", "is_deleted", "units", "revenue")
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    IS_DELETED_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    REVENUE_FIELD_NUMBER: _ClassVar[int]
    product_id: int
    name: str
    is_deleted: bool
    units: int
    revenue: float
    def __init__(self, product_id: _Optional[int] = ..., name: _Optional[str] = ..., is_deleted: _Optional[bool] = ..., units: _Optional[int] = ..., revenue: _Optional[float] = ...) -> None: ...
