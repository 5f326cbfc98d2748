"""Drawn images of the demo's lamps: a shade on a stand, in the colour of the product."""

import logging
from io import BytesIO

from PIL import Image, ImageDraw

from catalog.images.files import store
from catalog.images.reading import read_image
from core.errors import Unavailable

# The SKUs of the lamps with an image, and the colours of their shades.
SHADES = {
    "LMP-001": "#2b2b2b",
    "LMP-002": "#8fa58a",
    "LMP-003": "#b8912f",
    "LMP-004": "#f3ede0",
    "LMP-005": "#d8b98a",
    "LMP-006": "#5a6670",
    "LMP-007": "#fafafa",
    "LMP-008": "#c98a2b",
}
SIZE = (640, 480)
log = logging.getLogger(__name__)


def stored_pictures() -> dict[str, str]:
    """Store the images. Returns their names by SKU; none if the storage can't be written."""
    try:
        return {sku: store(read_image(_drawn(shade))) for sku, shade in SHADES.items()}
    except Unavailable as error:
        log.warning("The images of the demo can't be stored: %s", error)
        return {}


def _drawn(shade: str) -> bytes:
    picture = Image.new("RGB", SIZE, "#e7e2d8")
    draw, output = ImageDraw.Draw(picture), BytesIO()
    draw.rectangle((0, 380, 640, 480), fill="#a88b6a")  # the table
    draw.ellipse((250, 370, 390, 400), fill="#4a4a4a")
    draw.rectangle((314, 230, 326, 385), fill="#4a4a4a")
    draw.polygon(((260, 90), (380, 90), (440, 240), (200, 240)), fill=shade, outline="#4a4a4a")
    picture.save(output, "PNG")
    return output.getvalue()
