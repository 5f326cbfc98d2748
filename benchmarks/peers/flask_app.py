"""Flask-SQLAlchemy: its models, pagination and jsonify."""

from datetime import UTC, datetime

from flask import Flask, abort, jsonify, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import joinedload, selectinload

from benchmarks.peers.statements import DATABASE, ORDER_FIELDS, PRODUCT_FIELDS, ROW_FIELDS

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = DATABASE.replace("postgresql://", "postgresql+psycopg2://")
db = SQLAlchemy(app)


class User(db.Model):
    __tablename__ = "shop_user"
    id = db.Column(db.BigInteger, primary_key=True)
    username = db.Column(db.String)
    email = db.Column(db.String)
    orders = db.relationship("Order")


class Product(db.Model):
    __tablename__ = "shop_product"
    id = db.Column(db.BigInteger, primary_key=True)
    sku = db.Column(db.String)
    name = db.Column(db.String)
    description = db.Column(db.String)
    price = db.Column(db.Numeric(12, 2))
    stock = db.Column(db.Integer)
    version = db.Column(db.Integer)
    created_at = db.Column(db.DateTime(timezone=True))
    updated_at = db.Column(db.DateTime(timezone=True))


class Order(db.Model):
    __tablename__ = "shop_order"
    id = db.Column(db.BigInteger, primary_key=True)
    user_id = db.Column(db.ForeignKey("shop_user.id"))
    status = db.Column(db.String)
    total = db.Column(db.Numeric(15, 2))
    created_at = db.Column(db.DateTime(timezone=True))
    items = db.relationship("OrderItem")


class OrderItem(db.Model):
    __tablename__ = "shop_orderitem"
    id = db.Column(db.BigInteger, primary_key=True)
    order_id = db.Column(db.ForeignKey("shop_order.id"))
    product_id = db.Column(db.ForeignKey("shop_product.id"))
    quantity = db.Column(db.Integer)
    unit_price = db.Column(db.Numeric(12, 2))
    product = db.relationship("Product")


def fields_of(row, names):
    return {name: getattr(row, name) for name in names}


def shown(order):
    lines = [
        {
            "product": fields_of(item.product, ("id", "name")),
            "quantity": item.quantity,
            "unit_price": item.unit_price,
        }
        for item in order.items
    ]
    return fields_of(order, ORDER_FIELDS) | {"items": lines}


@app.get("/products/")
def products():
    newest = db.select(Product).order_by(Product.created_at.desc(), Product.id.desc())
    page = db.paginate(newest, per_page=20)
    return jsonify(count=page.total, results=[fields_of(row, ROW_FIELDS) for row in page.items])


@app.get("/products/<int:pk>/")
def product(pk):
    return jsonify(fields_of(db.get_or_404(Product, pk), PRODUCT_FIELDS))


@app.get("/users/<int:pk>/")
def user(pk):
    related = selectinload(User.orders).selectinload(Order.items).joinedload(OrderItem.product)
    found = db.one_or_404(db.select(User).where(User.id == pk).options(related))
    return jsonify(fields_of(found, ("id", "username", "email")) | {"orders": [shown(order) for order in found.orders]})


@app.post("/orders/")
def place():
    wanted = {item["product"]: item["quantity"] for item in request.json["items"]}
    rows = db.select(Product).where(Product.id.in_(wanted)).order_by(Product.id).with_for_update()
    found = db.session.scalars(rows).all()
    now, total = datetime.now(UTC), sum(row.price * wanted[row.id] for row in found)
    order = Order(user_id=request.json["user"], status="pending", total=total, created_at=now)
    for row in found:
        if row.stock < wanted[row.id]:
            abort(409)
        row.stock -= wanted[row.id]
        row.updated_at = now
        order.items.append(OrderItem(product=row, quantity=wanted[row.id], unit_price=row.price))
    db.session.add(order)
    db.session.commit()
    related = joinedload(Order.items).joinedload(OrderItem.product)
    return jsonify(shown(db.session.get(Order, order.id, options=[related]))), 201
