"""The routes of reports, below each version of the REST API."""

from django.urls import path

from core.protocols.rest.routes import ShopRouter
from reports.views import SalesView

router = ShopRouter()
urlpatterns = [path("sales", SalesView.as_view(), name="sales")]
