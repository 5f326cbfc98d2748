"""FastAPI with SQLAlchemy's asyncio extension on asyncpg."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict
from sqlalchemy import BigInteger, DateTime, ForeignKey, Numeric, func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship, selectinload

from benchmarks.peers.statements import DATABASE

engine = create_async_engine(DATABASE.replace("postgresql://", "postgresql+asyncpg://"), pool_size=8)
sessions = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    type_annotation_map = {int: BigInteger, Decimal: Numeric(15, 2), datetime: DateTime(timezone=True)}


class Product(Base):
    __tablename__ = "shop_product"
    id: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str | None]
    name: Mapped[str]
    description: Mapped[str]
    price: Mapped[Decimal]
    stock: Mapped[int]
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class User(Base):
    __tablename__ = "shop_user"
    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str]
    email: Mapped[str]
    orders: Mapped[list["Order"]] = relationship()


class Order(Base):
    __tablename__ = "shop_order"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("shop_user.id"))
    status: Mapped[str]
    total: Mapped[Decimal]
    created_at: Mapped[datetime]
    items: Mapped[list["OrderItem"]] = relationship()


class OrderItem(Base):
    __tablename__ = "shop_orderitem"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("shop_order.id"))
    product_id: Mapped[int] = mapped_column(ForeignKey("shop_product.id"))
    quantity: Mapped[int]
    unit_price: Mapped[Decimal]
    product: Mapped[Product] = relationship()


class Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class ProductOut(Out):
    id: int
    sku: str | None
    name: str
    description: str
    price: Decimal
    stock: int
    version: int
    created_at: datetime
    updated_at: datetime


class ProductRow(Out):
    id: int
    name: str
    price: Decimal
    stock: int


class Page(Out):
    count: int
    results: list[ProductRow]


class ProductName(Out):
    id: int
    name: str


class ItemOut(Out):
    product: ProductName
    quantity: int
    unit_price: Decimal


class OrderOut(Out):
    id: int
    status: str
    total: Decimal
    created_at: datetime
    items: list[ItemOut]


class UserOut(Out):
    id: int
    username: str
    email: str
    orders: list[OrderOut]


class ProductIn(BaseModel):
    sku: str
    name: str
    description: str
    price: Decimal
    stock: int


class ItemIn(BaseModel):
    product: int
    quantity: int


class OrderIn(BaseModel):
    user: int
    items: list[ItemIn]


app = FastAPI()


async def opened_session() -> AsyncIterator[AsyncSession]:
    async with sessions() as session:
        yield session


Session = Annotated[AsyncSession, Depends(opened_session)]


@app.get("/products/", response_model=Page)
async def products(session: Session, page: int = 1):
    count = await session.scalar(select(func.count()).select_from(Product))
    newest = select(Product).order_by(Product.created_at.desc(), Product.id.desc())
    rows = await session.scalars(newest.limit(20).offset(20 * (page - 1)))
    return {"count": count, "results": rows.all()}


@app.get("/products/{pk}/", response_model=ProductOut)
async def product(pk: int, session: Session):
    if (found := await session.get(Product, pk)) is None:
        raise HTTPException(404)
    return found


@app.post("/products/batch/", status_code=201)
async def create_products(data: list[ProductIn], session: Session):
    now = datetime.now(UTC)
    session.add_all([Product(**row.model_dump(), version=1, created_at=now, updated_at=now) for row in data])
    await session.commit()
    return {"created": len(data)}


@app.get("/users/{pk}/", response_model=UserOut)
async def user(pk: int, session: Session):
    related = selectinload(User.orders).selectinload(Order.items).joinedload(OrderItem.product)
    found = (await session.scalars(select(User).where(User.id == pk).options(related))).first()
    if found is None:
        raise HTTPException(404)
    return found


@app.post("/orders/", status_code=201, response_model=OrderOut)
async def place(data: OrderIn, session: Session):
    wanted = {item.product: item.quantity for item in data.items}
    rows = select(Product).where(Product.id.in_(wanted)).order_by(Product.id).with_for_update()
    found = (await session.scalars(rows)).all()
    now, total = datetime.now(UTC), sum(row.price * wanted[row.id] for row in found)
    order = Order(user_id=data.user, status="pending", total=total, created_at=now)
    for row in found:
        if row.stock < wanted[row.id]:
            raise HTTPException(409)
        row.stock -= wanted[row.id]
        row.updated_at = now
        order.items.append(OrderItem(product=row, quantity=wanted[row.id], unit_price=row.price))
    session.add(order)
    await session.commit()
    return order
