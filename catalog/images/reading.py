"""Reads an uploaded image, and makes the two images that are stored: the image and its thumbnail.

Both are encoded anew from the pixels, so metadata (EXIF, GPS, comments) and any other content of the file are left out.
The content decides the format, not a name or a media type of the client.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, NamedTuple

from PIL import Image, ImageOps, UnidentifiedImageError

from core.errors import InvalidInput

EXTENSIONS = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp"}
ENCODINGS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 85, "progressive": True},
    "PNG": {},
    "WEBP": {"quality": 85},
}
MAX_PIXELS = 25_000_000  # width times height: 24-megapixel cameras, up to 250 MB of memory
IMAGE_SIDE, THUMBNAIL_SIDE = 2048, 320  # the longest sides, in pixels; smaller images keep their size
MAX_PROFILE_BYTES = 32 * 1024  # of a colour profile; a larger one is left out
_one_at_a_time = threading.Lock()  # bounds the memory for pixels


class Renditions(NamedTuple):
    """The encoded files of one image."""

    extension: str
    image: bytes
    thumbnail: bytes


def read_image(content: bytes) -> Renditions:
    """Return the image and its thumbnail in the format of `content`: JPEG, PNG or WebP.

    The orientation is applied. Of an animation, the first frame is kept. Raises InvalidInput for the field `image`.
    """
    if not content:
        raise _refusal("Image is required")
    with _one_at_a_time, _refusing_damage():
        picture = Image.open(BytesIO(content), formats=tuple(EXTENSIONS))
        if picture.width * picture.height > MAX_PIXELS:
            raise _too_many_pixels()
        # MPO is a JPEG of several pictures, as some cameras write it.
        kind = picture.format if picture.format in EXTENSIONS else "JPEG"
        picture.draft(
            "RGB", (IMAGE_SIDE, IMAGE_SIDE)
        )  # if a JPEG is at least twice as large, decode it at a smaller scale
        upright = _upright(picture)
        image, thumbnail = _encoded(upright, kind, IMAGE_SIDE), _encoded(upright, kind, THUMBNAIL_SIDE)
        return Renditions(EXTENSIONS[kind], image, thumbnail)


def _upright(picture: Image.Image) -> Image.Image:
    """Return the pixels as RGB or RGBA, rotated by the orientation in the metadata."""
    keeps_colours = picture.mode in ("RGB", "RGBA", "P")  # the profile of another mode, such as CMYK, does not fit RGB
    profile = picture.info.get("icc_profile") if keeps_colours else None
    ImageOps.exif_transpose(picture, in_place=True)
    if picture.mode.startswith("I"):  # 16 bits of grey: `convert("L")` would clip all values above 255
        picture = picture.convert("I").point(lambda grey: grey / 256).convert("L")
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    picture = picture if picture.mode == mode else picture.convert(mode)
    is_short = isinstance(profile, bytes) and len(profile) <= MAX_PROFILE_BYTES
    picture.info = {"icc_profile": profile} if is_short else {}
    return picture


def _encoded(picture: Image.Image, kind: str, side: int) -> bytes:
    """Scale the picture down to `side` pixels, and return it in the format `kind`."""
    output = BytesIO()
    picture.thumbnail((side, side))
    picture.save(output, kind, icc_profile=picture.info.get("icc_profile"), exif=b"", **ENCODINGS[kind])
    return output.getvalue()


@contextmanager
def _refusing_damage() -> Iterator[None]:
    try:
        yield
    except InvalidInput:
        raise
    except UnidentifiedImageError as error:
        raise _refusal("Image must be a JPEG, PNG or WebP file") from error
    except Image.DecompressionBombError as error:
        raise _too_many_pixels() from error
    except Exception as error:  # Pillow raises many types for a file that is damaged
        raise _refusal("Image can't be read: the file is damaged or incomplete") from error


def _too_many_pixels() -> InvalidInput:
    return _refusal(f"Image has at most {MAX_PIXELS:,} pixels: make it smaller")


def _refusal(text: str) -> InvalidInput:
    return InvalidInput(fields={"image": text})
