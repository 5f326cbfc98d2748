"""Reading uploaded images: what is accepted, what is stored of it, and what is refused."""

import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from catalog.images import reading
from catalog.images.reading import read_image
from core.errors import InvalidInput
from tests.support.images import image_file, opened

DAMAGED = "Image can't be read: the file is damaged or incomplete"
UNKNOWN = "Image must be a JPEG, PNG or WebP file"
TOO_LARGE = "Image has at most 25,000,000 pixels: make it smaller"
GPS, ORIENTATION, QUARTER_TURN = 0x8825, 0x0112, 6


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_bomb(width: int, height: int) -> bytes:
    """Return a small file that announces many pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(bytes(1_000_000))), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*part) for part in parts)


def refusal_of(content: bytes) -> str:
    with pytest.raises(InvalidInput) as refused:
        read_image(content)
    assert list(refused.value.fields) == ["image"]
    return refused.value.fields["image"]


@pytest.mark.parametrize(("kind", "extension"), [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp")])
def test_image_and_thumbnail_keep_the_format_and_the_proportions(kind, extension):
    made = read_image(image_file(kind, (640, 480)))

    image, thumbnail = opened(made.image), opened(made.thumbnail)
    assert made.extension == extension
    assert (image.format, image.size) == (kind, (640, 480))
    assert (thumbnail.format, thumbnail.size) == (kind, (320, 240))


def test_small_image_is_not_enlarged():
    made = read_image(image_file(size=(1, 1)))

    assert opened(made.image).size == opened(made.thumbnail).size == (1, 1)


def test_large_image_is_scaled_down():
    made = read_image(image_file("JPEG", (5000, 100)))

    assert opened(made.image).size == (2048, 41)


def test_metadata_is_left_out_and_the_orientation_applied():
    exif = Image.Exif()
    exif[ORIENTATION] = QUARTER_TURN
    exif.get_ifd(GPS)[1] = "N"
    sent = image_file("JPEG", (40, 20), exif=exif, comment=b"at home")
    assert opened(sent).getexif().get_ifd(GPS) == {1: "N"}

    made = read_image(sent)

    for picture in (opened(made.image), opened(made.thumbnail)):
        assert picture.size == (20, 40)
        red, _, blue = picture.getpixel((10, 5))  # the left half is at the top now
        assert red > 200 > 50 > blue
        assert dict(picture.getexif()) == {}
        assert "comment" not in picture.info
        assert "exif" not in picture.info


def test_text_of_a_png_is_left_out():
    text = PngInfo()
    text.add_text("Author", "Ada")
    sent = image_file("PNG", pnginfo=text)
    assert b"Ada" in sent

    made = read_image(sent)

    assert b"Ada" not in made.image + made.thumbnail


def test_transparency_is_kept():
    output = BytesIO()
    Image.new("RGBA", (10, 10), (255, 0, 0, 0)).save(output, "PNG")

    made = read_image(output.getvalue())

    assert opened(made.thumbnail).getpixel((5, 5)) == (255, 0, 0, 0)


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK"])
def test_other_colour_modes_become_rgb(mode):
    output = BytesIO()
    Image.new("RGB", (10, 10), "white").convert(mode).save(output, "JPEG" if mode in ("L", "CMYK") else "PNG")

    made = read_image(output.getvalue())

    assert opened(made.image).convert("RGB").getpixel((5, 5)) == (255, 255, 255)
    assert opened(made.image).mode == "RGB"


def test_grey_of_16_bits_keeps_its_brightness():
    output = BytesIO()
    Image.new("I;16", (10, 10), 0x8000).save(output, "PNG")

    assert opened(read_image(output.getvalue()).image).getpixel((5, 5)) == (128, 128, 128)


@pytest.mark.parametrize(("length", "kept"), [(100, True), (reading.MAX_PROFILE_BYTES + 1, False)])
def test_colour_profile_is_kept_unless_it_is_long(length, kept):
    made = read_image(image_file("JPEG", icc_profile=bytes(length)))

    assert ("icc_profile" in opened(made.image).info) is kept


def test_first_frame_of_an_animation_is_kept():
    output = BytesIO()
    frames = [Image.new("RGB", (10, 10), colour) for colour in ("red", "blue")]
    frames[0].save(output, "WEBP", save_all=True, append_images=frames[1:], lossless=True)

    made = read_image(output.getvalue())

    assert getattr(opened(made.image), "n_frames", 1) == 1
    assert opened(made.image).convert("RGB").getpixel((5, 5))[0] > 200


def test_first_picture_of_an_mpo_is_kept():
    output = BytesIO()
    frames = [Image.new("RGB", (10, 10), colour) for colour in ("red", "blue")]
    frames[0].save(output, "MPO", save_all=True, append_images=frames[1:])

    made = read_image(output.getvalue())

    assert (made.extension, opened(made.image).format) == ("jpg", "JPEG")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "Image is required"),
        (b"GIF89a", UNKNOWN),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", UNKNOWN),
        (b"%PDF-1.7", UNKNOWN),
        (image_file("GIF"), UNKNOWN),
        (image_file("BMP"), UNKNOWN),
        (image_file("TIFF"), UNKNOWN),
        (image_file("PNG")[:60], DAMAGED),
        (image_file("JPEG", (400, 400))[:-200], DAMAGED),
        (image_file("WEBP", (400, 400))[:-40], DAMAGED),
        (png_bomb(5001, 5000), TOO_LARGE),
        (png_bomb(60_000, 60_000), TOO_LARGE),
    ],
    ids=[
        "empty",
        "gif head",
        "svg",
        "pdf",
        "gif",
        "bmp",
        "tiff",
        "png cut",
        "jpeg cut",
        "webp cut",
        "bomb",
        "large bomb",
    ],
)
def test_other_content_is_refused(content, text):
    assert refusal_of(content) == text
