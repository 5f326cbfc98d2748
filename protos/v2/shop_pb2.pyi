import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OrderStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ORDER_STATUS_UNSPECIFIED: _ClassVar[OrderStatus]
    ORDER_STATUS_PENDING: _ClassVar[OrderStatus]
    ORDER_STATUS_PAID: _ClassVar[OrderStatus]
    ORDER_STATUS_SHIPPED: _ClassVar[OrderStatus]
    ORDER_STATUS_DELIVERED: _ClassVar[OrderStatus]
    ORDER_STATUS_CANCELLED: _ClassVar[OrderStatus]
    ORDER_STATUS_REFUNDED: _ClassVar[OrderStatus]

class OrderVerb(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ORDER_VERB_UNSPECIFIED: _ClassVar[OrderVerb]
    ORDER_VERB_CANCEL: _ClassVar[OrderVerb]
    ORDER_VERB_PAY: _ClassVar[OrderVerb]
    ORDER_VERB_SHIP: _ClassVar[OrderVerb]
    ORDER_VERB_DELIVER: _ClassVar[OrderVerb]
    ORDER_VERB_REFUND: _ClassVar[OrderVerb]

class ChangeKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CHANGE_KIND_UNSPECIFIED: _ClassVar[ChangeKind]
    CHANGE_KIND_CREATED: _ClassVar[ChangeKind]
    CHANGE_KIND_UPDATED: _ClassVar[ChangeKind]
    CHANGE_KIND_DELETED: _ClassVar[ChangeKind]
ORDER_STATUS_UNSPECIFIED: OrderStatus
ORDER_STATUS_PENDING: OrderStatus
ORDER_STATUS_PAID: OrderStatus
ORDER_STATUS_SHIPPED: OrderStatus
ORDER_STATUS_DELIVERED: OrderStatus
ORDER_STATUS_CANCELLED: OrderStatus
ORDER_STATUS_REFUNDED: OrderStatus
ORDER_VERB_UNSPECIFIED: OrderVerb
ORDER_VERB_CANCEL: OrderVerb
ORDER_VERB_PAY: OrderVerb
ORDER_VERB_SHIP: OrderVerb
ORDER_VERB_DELIVER: OrderVerb
ORDER_VERB_REFUND: OrderVerb
CHANGE_KIND_UNSPECIFIED: ChangeKind
CHANGE_KIND_CREATED: ChangeKind
CHANGE_KIND_UPDATED: ChangeKind
CHANGE_KIND_DELETED: ChangeKind

class User(_message.Message):
    __slots__ = ("id", "username", "email", "created_at")
    ID_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    id: int
    username: str
    email: str
    created_at: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[int] = ..., username: _Optional[str] = ..., email: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class RegisterUserRequest(_message.Message):
    __slots__ = ("username", "email", "password")
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    username: str
    email: str
    password: str
    def __init__(self, username: _Optional[str] = ..., email: _Optional[str] = ..., password: _Optional[str] = ...) -> None: ...

class RegisterUserResponse(_message.Message):
    __slots__ = ("user",)
    USER_FIELD_NUMBER: _ClassVar[int]
    user: User
    def __init__(self, user: _Optional[_Union[User, _Mapping]] = ...) -> None: ...

class GetUserRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class GetUserResponse(_message.Message):
    __slots__ = ("user",)
    USER_FIELD_NUMBER: _ClassVar[int]
    user: User
    def __init__(self, user: _Optional[_Union[User, _Mapping]] = ...) -> None: ...

class GetMeRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetMeResponse(_message.Message):
    __slots__ = ("user",)
    USER_FIELD_NUMBER: _ClassVar[int]
    user: User
    def __init__(self, user: _Optional[_Union[User, _Mapping]] = ...) -> None: ...

class ListUsersRequest(_message.Message):
    __slots__ = ("page", "page_size", "cursor", "email", "username")
    PAGE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    page: int
    page_size: int
    cursor: str
    email: str
    username: str
    def __init__(self, page: _Optional[int] = ..., page_size: _Optional[int] = ..., cursor: _Optional[str] = ..., email: _Optional[str] = ..., username: _Optional[str] = ...) -> None: ...

class ListUsersResponse(_message.Message):
    __slots__ = ("users", "total", "page", "total_pages", "next_cursor")
    USERS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_PAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    users: _containers.RepeatedCompositeFieldContainer[User]
    total: int
    page: int
    total_pages: int
    next_cursor: str
    def __init__(self, users: _Optional[_Iterable[_Union[User, _Mapping]]] = ..., total: _Optional[int] = ..., page: _Optional[int] = ..., total_pages: _Optional[int] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class ObtainTokenRequest(_message.Message):
    __slots__ = ("username", "password")
    USERNAME_FIELD_NUMBER: _ClassVar[int]
    PASSWORD_FIELD_NUMBER: _ClassVar[int]
    username: str
    password: str
    def __init__(self, username: _Optional[str] = ..., password: _Optional[str] = ...) -> None: ...

class ObtainTokenResponse(_message.Message):
    __slots__ = ("access", "refresh")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    REFRESH_FIELD_NUMBER: _ClassVar[int]
    access: str
    refresh: str
    def __init__(self, access: _Optional[str] = ..., refresh: _Optional[str] = ...) -> None: ...

class RefreshTokenRequest(_message.Message):
    __slots__ = ("refresh",)
    REFRESH_FIELD_NUMBER: _ClassVar[int]
    refresh: str
    def __init__(self, refresh: _Optional[str] = ...) -> None: ...

class RefreshTokenResponse(_message.Message):
    __slots__ = ("access", "refresh")
    ACCESS_FIELD_NUMBER: _ClassVar[int]
    REFRESH_FIELD_NUMBER: _ClassVar[int]
    access: str
    refresh: str
    def __init__(self, access: _Optional[str] = ..., refresh: _Optional[str] = ...) -> None: ...

class RevokeTokenRequest(_message.Message):
    __slots__ = ("refresh",)
    REFRESH_FIELD_NUMBER: _ClassVar[int]
    refresh: str
    def __init__(self, refresh: _Optional[str] = ...) -> None: ...

class RevokeTokenResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Order(_message.Message):
    __slots__ = ("id", "number", "user_id", "status", "total", "version", "created_at", "items", "carrier", "tracking_number")
    ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    CARRIER_FIELD_NUMBER: _ClassVar[int]
    TRACKING_NUMBER_FIELD_NUMBER: _ClassVar[int]
    id: int
    number: str
    user_id: int
    status: OrderStatus
    total: Money
    version: int
    created_at: _timestamp_pb2.Timestamp
    items: _containers.RepeatedCompositeFieldContainer[OrderItem]
    carrier: str
    tracking_number: str
    def __init__(self, id: _Optional[int] = ..., number: _Optional[str] = ..., user_id: _Optional[int] = ..., status: _Optional[_Union[OrderStatus, str]] = ..., total: _Optional[_Union[Money, _Mapping]] = ..., version: _Optional[int] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., items: _Optional[_Iterable[_Union[OrderItem, _Mapping]]] = ..., carrier: _Optional[str] = ..., tracking_number: _Optional[str] = ...) -> None: ...

class OrderItem(_message.Message):
    __slots__ = ("product_id", "sku", "name", "unit_price", "quantity", "line_total")
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    SKU_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    UNIT_PRICE_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    LINE_TOTAL_FIELD_NUMBER: _ClassVar[int]
    product_id: int
    sku: str
    name: str
    unit_price: Money
    quantity: int
    line_total: Money
    def __init__(self, product_id: _Optional[int] = ..., sku: _Optional[str] = ..., name: _Optional[str] = ..., unit_price: _Optional[_Union[Money, _Mapping]] = ..., quantity: _Optional[int] = ..., line_total: _Optional[_Union[Money, _Mapping]] = ...) -> None: ...

class OrderItemInput(_message.Message):
    __slots__ = ("product_id", "quantity")
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    QUANTITY_FIELD_NUMBER: _ClassVar[int]
    product_id: int
    quantity: int
    def __init__(self, product_id: _Optional[int] = ..., quantity: _Optional[int] = ...) -> None: ...

class PlaceOrderRequest(_message.Message):
    __slots__ = ("items",)
    ITEMS_FIELD_NUMBER: _ClassVar[int]
    items: _containers.RepeatedCompositeFieldContainer[OrderItemInput]
    def __init__(self, items: _Optional[_Iterable[_Union[OrderItemInput, _Mapping]]] = ...) -> None: ...

class PlaceOrderResponse(_message.Message):
    __slots__ = ("order",)
    ORDER_FIELD_NUMBER: _ClassVar[int]
    order: Order
    def __init__(self, order: _Optional[_Union[Order, _Mapping]] = ...) -> None: ...

class GetOrderRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class GetOrderResponse(_message.Message):
    __slots__ = ("order",)
    ORDER_FIELD_NUMBER: _ClassVar[int]
    order: Order
    def __init__(self, order: _Optional[_Union[Order, _Mapping]] = ...) -> None: ...

class ListOrdersRequest(_message.Message):
    __slots__ = ("page", "page_size", "status", "cursor", "number", "email", "created_from", "created_to")
    PAGE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    CREATED_FROM_FIELD_NUMBER: _ClassVar[int]
    CREATED_TO_FIELD_NUMBER: _ClassVar[int]
    page: int
    page_size: int
    status: OrderStatus
    cursor: str
    number: str
    email: str
    created_from: str
    created_to: str
    def __init__(self, page: _Optional[int] = ..., page_size: _Optional[int] = ..., status: _Optional[_Union[OrderStatus, str]] = ..., cursor: _Optional[str] = ..., number: _Optional[str] = ..., email: _Optional[str] = ..., created_from: _Optional[str] = ..., created_to: _Optional[str] = ...) -> None: ...

class ListOrdersResponse(_message.Message):
    __slots__ = ("orders", "total", "page", "total_pages", "next_cursor")
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_PAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    orders: _containers.RepeatedCompositeFieldContainer[Order]
    total: int
    page: int
    total_pages: int
    next_cursor: str
    def __init__(self, orders: _Optional[_Iterable[_Union[Order, _Mapping]]] = ..., total: _Optional[int] = ..., page: _Optional[int] = ..., total_pages: _Optional[int] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class ListUserOrdersRequest(_message.Message):
    __slots__ = ("user_id", "page", "page_size", "cursor", "status", "created_from", "created_to")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CREATED_FROM_FIELD_NUMBER: _ClassVar[int]
    CREATED_TO_FIELD_NUMBER: _ClassVar[int]
    user_id: int
    page: int
    page_size: int
    cursor: str
    status: OrderStatus
    created_from: str
    created_to: str
    def __init__(self, user_id: _Optional[int] = ..., page: _Optional[int] = ..., page_size: _Optional[int] = ..., cursor: _Optional[str] = ..., status: _Optional[_Union[OrderStatus, str]] = ..., created_from: _Optional[str] = ..., created_to: _Optional[str] = ...) -> None: ...

class ListUserOrdersResponse(_message.Message):
    __slots__ = ("orders", "total", "page", "total_pages", "next_cursor")
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_PAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    orders: _containers.RepeatedCompositeFieldContainer[Order]
    total: int
    page: int
    total_pages: int
    next_cursor: str
    def __init__(self, orders: _Optional[_Iterable[_Union[Order, _Mapping]]] = ..., total: _Optional[int] = ..., page: _Optional[int] = ..., total_pages: _Optional[int] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class CancelOrderRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class CancelOrderResponse(_message.Message):
    __slots__ = ("order",)
    ORDER_FIELD_NUMBER: _ClassVar[int]
    order: Order
    def __init__(self, order: _Optional[_Union[Order, _Mapping]] = ...) -> None: ...

class PayOrderRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class PayOrderResponse(_message.Message):
    __slots__ = ("order",)
    ORDER_FIELD_NUMBER: _ClassVar[int]
    order: Order
    def __init__(self, order: _Optional[_Union[Order, _Mapping]] = ...) -> None: ...

class ShipOrderRequest(_message.Message):
    __slots__ = ("id", "carrier", "tracking_number")
    ID_FIELD_NUMBER: _ClassVar[int]
    CARRIER_FIELD_NUMBER: _ClassVar[int]
    TRACKING_NUMBER_FIELD_NUMBER: _ClassVar[int]
    id: int
    carrier: str
    tracking_number: str
    def __init__(self, id: _Optional[int] = ..., carrier: _Optional[str] = ..., tracking_number: _Optional[str] = ...) -> None: ...

class ShipOrderResponse(_message.Message):
    __slots__ = ("order",)
    ORDER_FIELD_NUMBER: _ClassVar[int]
    order: Order
    def __init__(self, order: _Optional[_Union[Order, _Mapping]] = ...) -> None: ...

class DeliverOrderRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class DeliverOrderResponse(_message.Message):
    __slots__ = ("order",)
    ORDER_FIELD_NUMBER: _ClassVar[int]
    order: Order
    def __init__(self, order: _Optional[_Union[Order, _Mapping]] = ...) -> None: ...

class RefundOrderRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class RefundOrderResponse(_message.Message):
    __slots__ = ("order",)
    ORDER_FIELD_NUMBER: _ClassVar[int]
    order: Order
    def __init__(self, order: _Optional[_Union[Order, _Mapping]] = ...) -> None: ...

class OrderMove(_message.Message):
    __slots__ = ("order_id", "carrier", "tracking_number")
    ORDER_ID_FIELD_NUMBER: _ClassVar[int]
    CARRIER_FIELD_NUMBER: _ClassVar[int]
    TRACKING_NUMBER_FIELD_NUMBER: _ClassVar[int]
    order_id: int
    carrier: str
    tracking_number: str
    def __init__(self, order_id: _Optional[int] = ..., carrier: _Optional[str] = ..., tracking_number: _Optional[str] = ...) -> None: ...

class BatchMoveRequest(_message.Message):
    __slots__ = ("verb", "orders")
    VERB_FIELD_NUMBER: _ClassVar[int]
    ORDERS_FIELD_NUMBER: _ClassVar[int]
    verb: OrderVerb
    orders: _containers.RepeatedCompositeFieldContainer[OrderMove]
    def __init__(self, verb: _Optional[_Union[OrderVerb, str]] = ..., orders: _Optional[_Iterable[_Union[OrderMove, _Mapping]]] = ...) -> None: ...

class BatchMoveResponse(_message.Message):
    __slots__ = ("moved_count", "failures")
    MOVED_COUNT_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    moved_count: int
    failures: _containers.RepeatedCompositeFieldContainer[BatchMoveFailure]
    def __init__(self, moved_count: _Optional[int] = ..., failures: _Optional[_Iterable[_Union[BatchMoveFailure, _Mapping]]] = ...) -> None: ...

class BatchMoveFailure(_message.Message):
    __slots__ = ("index", "code", "message", "fields")
    class FieldsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    INDEX_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    index: int
    code: str
    message: str
    fields: _containers.ScalarMap[str, str]
    def __init__(self, index: _Optional[int] = ..., code: _Optional[str] = ..., message: _Optional[str] = ..., fields: _Optional[_Mapping[str, str]] = ...) -> None: ...

class OrderFieldChange(_message.Message):
    __slots__ = ("field", "old", "new")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    OLD_FIELD_NUMBER: _ClassVar[int]
    NEW_FIELD_NUMBER: _ClassVar[int]
    field: str
    old: str
    new: str
    def __init__(self, field: _Optional[str] = ..., old: _Optional[str] = ..., new: _Optional[str] = ...) -> None: ...

class OrderHistory(_message.Message):
    __slots__ = ("id", "kind", "at", "actor_id", "protocol", "request_id", "reason", "fields")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    id: int
    kind: str
    at: _timestamp_pb2.Timestamp
    actor_id: int
    protocol: str
    request_id: str
    reason: str
    fields: _containers.RepeatedCompositeFieldContainer[OrderFieldChange]
    def __init__(self, id: _Optional[int] = ..., kind: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor_id: _Optional[int] = ..., protocol: _Optional[str] = ..., request_id: _Optional[str] = ..., reason: _Optional[str] = ..., fields: _Optional[_Iterable[_Union[OrderFieldChange, _Mapping]]] = ...) -> None: ...

class ListOrderHistoryRequest(_message.Message):
    __slots__ = ("id", "page", "page_size", "cursor")
    ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    id: int
    page: int
    page_size: int
    cursor: str
    def __init__(self, id: _Optional[int] = ..., page: _Optional[int] = ..., page_size: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class ListOrderHistoryResponse(_message.Message):
    __slots__ = ("changes", "total", "page", "total_pages", "next_cursor")
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_PAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[OrderHistory]
    total: int
    page: int
    total_pages: int
    next_cursor: str
    def __init__(self, changes: _Optional[_Iterable[_Union[OrderHistory, _Mapping]]] = ..., total: _Optional[int] = ..., page: _Optional[int] = ..., total_pages: _Optional[int] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class FieldChange(_message.Message):
    __slots__ = ("field", "old", "new")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    OLD_FIELD_NUMBER: _ClassVar[int]
    NEW_FIELD_NUMBER: _ClassVar[int]
    field: str
    old: str
    new: str
    def __init__(self, field: _Optional[str] = ..., old: _Optional[str] = ..., new: _Optional[str] = ...) -> None: ...

class ProductHistory(_message.Message):
    __slots__ = ("id", "kind", "at", "actor_id", "protocol", "request_id", "reason", "fields", "units", "stock")
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    AT_FIELD_NUMBER: _ClassVar[int]
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    STOCK_FIELD_NUMBER: _ClassVar[int]
    id: int
    kind: str
    at: _timestamp_pb2.Timestamp
    actor_id: int
    protocol: str
    request_id: str
    reason: str
    fields: _containers.RepeatedCompositeFieldContainer[FieldChange]
    units: int
    stock: int
    def __init__(self, id: _Optional[int] = ..., kind: _Optional[str] = ..., at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., actor_id: _Optional[int] = ..., protocol: _Optional[str] = ..., request_id: _Optional[str] = ..., reason: _Optional[str] = ..., fields: _Optional[_Iterable[_Union[FieldChange, _Mapping]]] = ..., units: _Optional[int] = ..., stock: _Optional[int] = ...) -> None: ...

class ListProductHistoryRequest(_message.Message):
    __slots__ = ("id", "page", "page_size", "cursor", "kind", "stock_moved")
    ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    STOCK_MOVED_FIELD_NUMBER: _ClassVar[int]
    id: int
    page: int
    page_size: int
    cursor: str
    kind: str
    stock_moved: bool
    def __init__(self, id: _Optional[int] = ..., page: _Optional[int] = ..., page_size: _Optional[int] = ..., cursor: _Optional[str] = ..., kind: _Optional[str] = ..., stock_moved: _Optional[bool] = ...) -> None: ...

class ListProductHistoryResponse(_message.Message):
    __slots__ = ("changes", "total", "page", "total_pages", "next_cursor")
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_PAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[ProductHistory]
    total: int
    page: int
    total_pages: int
    next_cursor: str
    def __init__(self, changes: _Optional[_Iterable[_Union[ProductHistory, _Mapping]]] = ..., total: _Optional[int] = ..., page: _Optional[int] = ..., total_pages: _Optional[int] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class CorrectStockRequest(_message.Message):
    __slots__ = ("id", "units", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: int
    units: int
    reason: str
    def __init__(self, id: _Optional[int] = ..., units: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class CorrectStockResponse(_message.Message):
    __slots__ = ("product",)
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    product: Product
    def __init__(self, product: _Optional[_Union[Product, _Mapping]] = ...) -> None: ...

class RevertProductRequest(_message.Message):
    __slots__ = ("id", "change_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    CHANGE_ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    change_id: int
    def __init__(self, id: _Optional[int] = ..., change_id: _Optional[int] = ...) -> None: ...

class RevertProductResponse(_message.Message):
    __slots__ = ("product",)
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    product: Product
    def __init__(self, product: _Optional[_Union[Product, _Mapping]] = ...) -> None: ...

class SetProductImageRequest(_message.Message):
    __slots__ = ("id", "image", "expected_version")
    ID_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    id: int
    image: bytes
    expected_version: int
    def __init__(self, id: _Optional[int] = ..., image: _Optional[bytes] = ..., expected_version: _Optional[int] = ...) -> None: ...

class SetProductImageResponse(_message.Message):
    __slots__ = ("product",)
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    product: Product
    def __init__(self, product: _Optional[_Union[Product, _Mapping]] = ...) -> None: ...

class RemoveProductImageRequest(_message.Message):
    __slots__ = ("id", "expected_version")
    ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    id: int
    expected_version: int
    def __init__(self, id: _Optional[int] = ..., expected_version: _Optional[int] = ...) -> None: ...

class RemoveProductImageResponse(_message.Message):
    __slots__ = ("product",)
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    product: Product
    def __init__(self, product: _Optional[_Union[Product, _Mapping]] = ...) -> None: ...

class Product(_message.Message):
    __slots__ = ("id", "name", "description", "price", "stock", "created_at", "sku", "version", "updated_at", "reorder_level", "category_id", "image", "thumbnail")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    STOCK_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    SKU_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    REORDER_LEVEL_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_ID_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    THUMBNAIL_FIELD_NUMBER: _ClassVar[int]
    id: int
    name: str
    description: str
    price: Money
    stock: int
    created_at: _timestamp_pb2.Timestamp
    sku: str
    version: int
    updated_at: _timestamp_pb2.Timestamp
    reorder_level: int
    category_id: int
    image: str
    thumbnail: str
    def __init__(self, id: _Optional[int] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., price: _Optional[_Union[Money, _Mapping]] = ..., stock: _Optional[int] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., sku: _Optional[str] = ..., version: _Optional[int] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reorder_level: _Optional[int] = ..., category_id: _Optional[int] = ..., image: _Optional[str] = ..., thumbnail: _Optional[str] = ...) -> None: ...

class GetProductRequest(_message.Message):
    __slots__ = ("id", "after")
    ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    id: int
    after: str
    def __init__(self, id: _Optional[int] = ..., after: _Optional[str] = ...) -> None: ...

class GetProductResponse(_message.Message):
    __slots__ = ("product",)
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    product: Product
    def __init__(self, product: _Optional[_Union[Product, _Mapping]] = ...) -> None: ...

class ListProductsRequest(_message.Message):
    __slots__ = ("page", "page_size", "sort_by", "q", "min_price", "max_price", "in_stock", "cursor", "low_stock", "category", "sku")
    PAGE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    SORT_BY_FIELD_NUMBER: _ClassVar[int]
    Q_FIELD_NUMBER: _ClassVar[int]
    MIN_PRICE_FIELD_NUMBER: _ClassVar[int]
    MAX_PRICE_FIELD_NUMBER: _ClassVar[int]
    IN_STOCK_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    LOW_STOCK_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    SKU_FIELD_NUMBER: _ClassVar[int]
    page: int
    page_size: int
    sort_by: str
    q: str
    min_price: Money
    max_price: Money
    in_stock: bool
    cursor: str
    low_stock: bool
    category: str
    sku: str
    def __init__(self, page: _Optional[int] = ..., page_size: _Optional[int] = ..., sort_by: _Optional[str] = ..., q: _Optional[str] = ..., min_price: _Optional[_Union[Money, _Mapping]] = ..., max_price: _Optional[_Union[Money, _Mapping]] = ..., in_stock: _Optional[bool] = ..., cursor: _Optional[str] = ..., low_stock: _Optional[bool] = ..., category: _Optional[str] = ..., sku: _Optional[str] = ...) -> None: ...

class ListProductsResponse(_message.Message):
    __slots__ = ("products", "total", "page", "total_pages", "next_cursor")
    PRODUCTS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_PAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    products: _containers.RepeatedCompositeFieldContainer[Product]
    total: int
    page: int
    total_pages: int
    next_cursor: str
    def __init__(self, products: _Optional[_Iterable[_Union[Product, _Mapping]]] = ..., total: _Optional[int] = ..., page: _Optional[int] = ..., total_pages: _Optional[int] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class CreateProductRequest(_message.Message):
    __slots__ = ("name", "description", "price", "stock", "sku", "reorder_level", "category_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    STOCK_FIELD_NUMBER: _ClassVar[int]
    SKU_FIELD_NUMBER: _ClassVar[int]
    REORDER_LEVEL_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    price: Money
    stock: int
    sku: str
    reorder_level: int
    category_id: int
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., price: _Optional[_Union[Money, _Mapping]] = ..., stock: _Optional[int] = ..., sku: _Optional[str] = ..., reorder_level: _Optional[int] = ..., category_id: _Optional[int] = ...) -> None: ...

class CreateProductResponse(_message.Message):
    __slots__ = ("product",)
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    product: Product
    def __init__(self, product: _Optional[_Union[Product, _Mapping]] = ...) -> None: ...

class UpdateProductRequest(_message.Message):
    __slots__ = ("id", "name", "description", "price", "stock", "sku", "expected_version", "reorder_level", "category_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    STOCK_FIELD_NUMBER: _ClassVar[int]
    SKU_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VERSION_FIELD_NUMBER: _ClassVar[int]
    REORDER_LEVEL_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    name: str
    description: str
    price: Money
    stock: int
    sku: str
    expected_version: int
    reorder_level: int
    category_id: int
    def __init__(self, id: _Optional[int] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., price: _Optional[_Union[Money, _Mapping]] = ..., stock: _Optional[int] = ..., sku: _Optional[str] = ..., expected_version: _Optional[int] = ..., reorder_level: _Optional[int] = ..., category_id: _Optional[int] = ...) -> None: ...

class UpdateProductResponse(_message.Message):
    __slots__ = ("product",)
    PRODUCT_FIELD_NUMBER: _ClassVar[int]
    product: Product
    def __init__(self, product: _Optional[_Union[Product, _Mapping]] = ...) -> None: ...

class DeleteProductRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class DeleteProductResponse(_message.Message):
    __slots__ = ("success",)
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    success: bool
    def __init__(self, success: _Optional[bool] = ...) -> None: ...

class ProductUpdate(_message.Message):
    __slots__ = ("product_id", "new_price", "new_stock", "timestamp", "kind", "cursor", "error_code", "error_message", "retry_after")
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    NEW_PRICE_FIELD_NUMBER: _ClassVar[int]
    NEW_STOCK_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    ERROR_CODE_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    product_id: int
    new_price: Money
    new_stock: int
    timestamp: _timestamp_pb2.Timestamp
    kind: ChangeKind
    cursor: str
    error_code: str
    error_message: str
    retry_after: int
    def __init__(self, product_id: _Optional[int] = ..., new_price: _Optional[_Union[Money, _Mapping]] = ..., new_stock: _Optional[int] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[_Union[ChangeKind, str]] = ..., cursor: _Optional[str] = ..., error_code: _Optional[str] = ..., error_message: _Optional[str] = ..., retry_after: _Optional[int] = ...) -> None: ...

class BatchCreateResponse(_message.Message):
    __slots__ = ("created_count", "failures")
    CREATED_COUNT_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    created_count: int
    failures: _containers.RepeatedCompositeFieldContainer[BatchCreateFailure]
    def __init__(self, created_count: _Optional[int] = ..., failures: _Optional[_Iterable[_Union[BatchCreateFailure, _Mapping]]] = ...) -> None: ...

class BatchCreateFailure(_message.Message):
    __slots__ = ("index", "code", "message", "fields")
    class FieldsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    INDEX_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    index: int
    code: str
    message: str
    fields: _containers.ScalarMap[str, str]
    def __init__(self, index: _Optional[int] = ..., code: _Optional[str] = ..., message: _Optional[str] = ..., fields: _Optional[_Mapping[str, str]] = ...) -> None: ...

class SkuChange(_message.Message):
    __slots__ = ("sku", "name", "description", "price", "stock", "add_stock", "reorder_level", "category_id")
    SKU_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    STOCK_FIELD_NUMBER: _ClassVar[int]
    ADD_STOCK_FIELD_NUMBER: _ClassVar[int]
    REORDER_LEVEL_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_ID_FIELD_NUMBER: _ClassVar[int]
    sku: str
    name: str
    description: str
    price: Money
    stock: int
    add_stock: int
    reorder_level: int
    category_id: int
    def __init__(self, sku: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., price: _Optional[_Union[Money, _Mapping]] = ..., stock: _Optional[int] = ..., add_stock: _Optional[int] = ..., reorder_level: _Optional[int] = ..., category_id: _Optional[int] = ...) -> None: ...

class BatchChangeRequest(_message.Message):
    __slots__ = ("changes",)
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    changes: _containers.RepeatedCompositeFieldContainer[SkuChange]
    def __init__(self, changes: _Optional[_Iterable[_Union[SkuChange, _Mapping]]] = ...) -> None: ...

class BatchChangeResponse(_message.Message):
    __slots__ = ("changed_count", "failures")
    CHANGED_COUNT_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    changed_count: int
    failures: _containers.RepeatedCompositeFieldContainer[BatchCreateFailure]
    def __init__(self, changed_count: _Optional[int] = ..., failures: _Optional[_Iterable[_Union[BatchCreateFailure, _Mapping]]] = ...) -> None: ...

class PreviewPricesRequest(_message.Message):
    __slots__ = ("percent", "q", "min_price", "max_price", "in_stock", "low_stock", "category", "sku")
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    Q_FIELD_NUMBER: _ClassVar[int]
    MIN_PRICE_FIELD_NUMBER: _ClassVar[int]
    MAX_PRICE_FIELD_NUMBER: _ClassVar[int]
    IN_STOCK_FIELD_NUMBER: _ClassVar[int]
    LOW_STOCK_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    SKU_FIELD_NUMBER: _ClassVar[int]
    percent: float
    q: str
    min_price: Money
    max_price: Money
    in_stock: bool
    low_stock: bool
    category: str
    sku: str
    def __init__(self, percent: _Optional[float] = ..., q: _Optional[str] = ..., min_price: _Optional[_Union[Money, _Mapping]] = ..., max_price: _Optional[_Union[Money, _Mapping]] = ..., in_stock: _Optional[bool] = ..., low_stock: _Optional[bool] = ..., category: _Optional[str] = ..., sku: _Optional[str] = ...) -> None: ...

class PreviewPricesResponse(_message.Message):
    __slots__ = ("preview",)
    PREVIEW_FIELD_NUMBER: _ClassVar[int]
    preview: PricePreview
    def __init__(self, preview: _Optional[_Union[PricePreview, _Mapping]] = ...) -> None: ...

class PricePreview(_message.Message):
    __slots__ = ("percent", "matched", "changed", "unchanged", "refused", "as_of", "examples", "refusals")
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    MATCHED_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    REFUSALS_FIELD_NUMBER: _ClassVar[int]
    percent: float
    matched: int
    changed: int
    unchanged: int
    refused: int
    as_of: str
    examples: _containers.RepeatedCompositeFieldContainer[PriceExample]
    refusals: _containers.RepeatedCompositeFieldContainer[PriceExample]
    def __init__(self, percent: _Optional[float] = ..., matched: _Optional[int] = ..., changed: _Optional[int] = ..., unchanged: _Optional[int] = ..., refused: _Optional[int] = ..., as_of: _Optional[str] = ..., examples: _Optional[_Iterable[_Union[PriceExample, _Mapping]]] = ..., refusals: _Optional[_Iterable[_Union[PriceExample, _Mapping]]] = ...) -> None: ...

class PriceExample(_message.Message):
    __slots__ = ("product_id", "sku", "name", "price", "new_price", "problem")
    PRODUCT_ID_FIELD_NUMBER: _ClassVar[int]
    SKU_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PRICE_FIELD_NUMBER: _ClassVar[int]
    NEW_PRICE_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    product_id: int
    sku: str
    name: str
    price: Money
    new_price: Money
    problem: str
    def __init__(self, product_id: _Optional[int] = ..., sku: _Optional[str] = ..., name: _Optional[str] = ..., price: _Optional[_Union[Money, _Mapping]] = ..., new_price: _Optional[_Union[Money, _Mapping]] = ..., problem: _Optional[str] = ...) -> None: ...

class ChangePricesRequest(_message.Message):
    __slots__ = ("percent", "as_of", "q", "min_price", "max_price", "in_stock", "low_stock", "category", "sku")
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    Q_FIELD_NUMBER: _ClassVar[int]
    MIN_PRICE_FIELD_NUMBER: _ClassVar[int]
    MAX_PRICE_FIELD_NUMBER: _ClassVar[int]
    IN_STOCK_FIELD_NUMBER: _ClassVar[int]
    LOW_STOCK_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    SKU_FIELD_NUMBER: _ClassVar[int]
    percent: float
    as_of: str
    q: str
    min_price: Money
    max_price: Money
    in_stock: bool
    low_stock: bool
    category: str
    sku: str
    def __init__(self, percent: _Optional[float] = ..., as_of: _Optional[str] = ..., q: _Optional[str] = ..., min_price: _Optional[_Union[Money, _Mapping]] = ..., max_price: _Optional[_Union[Money, _Mapping]] = ..., in_stock: _Optional[bool] = ..., low_stock: _Optional[bool] = ..., category: _Optional[str] = ..., sku: _Optional[str] = ...) -> None: ...

class ChangePricesResponse(_message.Message):
    __slots__ = ("price_change",)
    PRICE_CHANGE_FIELD_NUMBER: _ClassVar[int]
    price_change: PriceChange
    def __init__(self, price_change: _Optional[_Union[PriceChange, _Mapping]] = ...) -> None: ...

class PriceChange(_message.Message):
    __slots__ = ("id", "actor_id", "created_at", "percent", "matched", "changed", "unchanged", "refused", "stale", "applied_at", "undone_at", "restored", "left_ids")
    ID_FIELD_NUMBER: _ClassVar[int]
    ACTOR_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    PERCENT_FIELD_NUMBER: _ClassVar[int]
    MATCHED_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    APPLIED_AT_FIELD_NUMBER: _ClassVar[int]
    UNDONE_AT_FIELD_NUMBER: _ClassVar[int]
    RESTORED_FIELD_NUMBER: _ClassVar[int]
    LEFT_IDS_FIELD_NUMBER: _ClassVar[int]
    id: int
    actor_id: int
    created_at: _timestamp_pb2.Timestamp
    percent: float
    matched: int
    changed: int
    unchanged: int
    refused: int
    stale: int
    applied_at: _timestamp_pb2.Timestamp
    undone_at: _timestamp_pb2.Timestamp
    restored: int
    left_ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, id: _Optional[int] = ..., actor_id: _Optional[int] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., percent: _Optional[float] = ..., matched: _Optional[int] = ..., changed: _Optional[int] = ..., unchanged: _Optional[int] = ..., refused: _Optional[int] = ..., stale: _Optional[int] = ..., applied_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., undone_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., restored: _Optional[int] = ..., left_ids: _Optional[_Iterable[int]] = ...) -> None: ...

class GetPriceChangeRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class GetPriceChangeResponse(_message.Message):
    __slots__ = ("price_change",)
    PRICE_CHANGE_FIELD_NUMBER: _ClassVar[int]
    price_change: PriceChange
    def __init__(self, price_change: _Optional[_Union[PriceChange, _Mapping]] = ...) -> None: ...

class ListPriceChangesRequest(_message.Message):
    __slots__ = ("page", "page_size", "cursor")
    PAGE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    page: int
    page_size: int
    cursor: str
    def __init__(self, page: _Optional[int] = ..., page_size: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class ListPriceChangesResponse(_message.Message):
    __slots__ = ("price_changes", "total", "page", "total_pages", "next_cursor")
    PRICE_CHANGES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_PAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    price_changes: _containers.RepeatedCompositeFieldContainer[PriceChange]
    total: int
    page: int
    total_pages: int
    next_cursor: str
    def __init__(self, price_changes: _Optional[_Iterable[_Union[PriceChange, _Mapping]]] = ..., total: _Optional[int] = ..., page: _Optional[int] = ..., total_pages: _Optional[int] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class UndoPriceChangeRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class UndoPriceChangeResponse(_message.Message):
    __slots__ = ("price_change",)
    PRICE_CHANGE_FIELD_NUMBER: _ClassVar[int]
    price_change: PriceChange
    def __init__(self, price_change: _Optional[_Union[PriceChange, _Mapping]] = ...) -> None: ...

class Category(_message.Message):
    __slots__ = ("id", "name", "slug", "parent_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SLUG_FIELD_NUMBER: _ClassVar[int]
    PARENT_ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    name: str
    slug: str
    parent_id: int
    def __init__(self, id: _Optional[int] = ..., name: _Optional[str] = ..., slug: _Optional[str] = ..., parent_id: _Optional[int] = ...) -> None: ...

class GetCategoryRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class GetCategoryResponse(_message.Message):
    __slots__ = ("category",)
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    category: Category
    def __init__(self, category: _Optional[_Union[Category, _Mapping]] = ...) -> None: ...

class ListCategoriesRequest(_message.Message):
    __slots__ = ("page", "page_size", "cursor")
    PAGE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    page: int
    page_size: int
    cursor: str
    def __init__(self, page: _Optional[int] = ..., page_size: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class ListCategoriesResponse(_message.Message):
    __slots__ = ("categories", "total", "page", "total_pages", "next_cursor")
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    TOTAL_PAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    categories: _containers.RepeatedCompositeFieldContainer[Category]
    total: int
    page: int
    total_pages: int
    next_cursor: str
    def __init__(self, categories: _Optional[_Iterable[_Union[Category, _Mapping]]] = ..., total: _Optional[int] = ..., page: _Optional[int] = ..., total_pages: _Optional[int] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class CreateCategoryRequest(_message.Message):
    __slots__ = ("name", "slug", "parent_id")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SLUG_FIELD_NUMBER: _ClassVar[int]
    PARENT_ID_FIELD_NUMBER: _ClassVar[int]
    name: str
    slug: str
    parent_id: int
    def __init__(self, name: _Optional[str] = ..., slug: _Optional[str] = ..., parent_id: _Optional[int] = ...) -> None: ...

class CreateCategoryResponse(_message.Message):
    __slots__ = ("category",)
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    category: Category
    def __init__(self, category: _Optional[_Union[Category, _Mapping]] = ...) -> None: ...

class UpdateCategoryRequest(_message.Message):
    __slots__ = ("id", "name", "slug", "parent_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SLUG_FIELD_NUMBER: _ClassVar[int]
    PARENT_ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    name: str
    slug: str
    parent_id: int
    def __init__(self, id: _Optional[int] = ..., name: _Optional[str] = ..., slug: _Optional[str] = ..., parent_id: _Optional[int] = ...) -> None: ...

class UpdateCategoryResponse(_message.Message):
    __slots__ = ("category",)
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    category: Category
    def __init__(self, category: _Optional[_Union[Category, _Mapping]] = ...) -> None: ...

class DeleteCategoryRequest(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class DeleteCategoryResponse(_message.Message):
    __slots__ = ("success",)
    SUCCESS_FIELD_NUMBER: _ClassVar[int]
    success: bool
    def __init__(self, success: _Optional[bool] = ...) -> None: ...

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
    revenue: Money
    average_order: Money
    cancelled_count: int
    cancelled_total: Money
    refunded_count: int
    refunded_total: Money
    def __init__(self, created_from: _Optional[str] = ..., created_to: _Optional[str] = ..., order_count: _Optional[int] = ..., revenue: _Optional[_Union[Money, _Mapping]] = ..., average_order: _Optional[_Union[Money, _Mapping]] = ..., cancelled_count: _Optional[int] = ..., cancelled_total: _Optional[_Union[Money, _Mapping]] = ..., refunded_count: _Optional[int] = ..., refunded_total: _Optional[_Union[Money, _Mapping]] = ...) -> None: ...

class DaySales(_message.Message):
    __slots__ = ("day", "order_count", "revenue")
    DAY_FIELD_NUMBER: _ClassVar[int]
    ORDER_COUNT_FIELD_NUMBER: _ClassVar[int]
    REVENUE_FIELD_NUMBER: _ClassVar[int]
    day: str
    order_count: int
    revenue: Money
    def __init__(self, day: _Optional[str] = ..., order_count: _Optional[int] = ..., revenue: _Optional[_Union[Money, _Mapping]] = ...) -> None: ...

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
    revenue: Money
    def __init__(self, product_id: _Optional[int] = ..., name: _Optional[str] = ..., is_deleted: _Optional[bool] = ..., units: _Optional[int] = ..., revenue: _Optional[_Union[Money, _Mapping]] = ...) -> None: ...

class Money(_message.Message):
    __slots__ = ("currency_code", "units", "nanos")
    CURRENCY_CODE_FIELD_NUMBER: _ClassVar[int]
    UNITS_FIELD_NUMBER: _ClassVar[int]
    NANOS_FIELD_NUMBER: _ClassVar[int]
    currency_code: str
    units: int
    nanos: int
    def __init__(self, currency_code: _Optional[str] = ..., units: _Optional[int] = ..., nanos: _Optional[int] = ...) -> None: ...
