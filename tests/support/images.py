"""Images for tests, and the files that the shop stores of them."""

from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

FOLDERS = ("images", "thumbnails")


def image_file(kind: str = "PNG", size: tuple[int, int] = (40, 30), mode: str = "RGB", **options: Any) -> bytes:
    """Return an image with a red left and a blue right half."""
    picture = Image.new(mode, size, "blue")
    picture.paste(Image.new(mode, (size[0] // 2, size[1]), "red"), (0, 0))
    output = BytesIO()
    picture.save(output, kind, **options)
    return output.getvalue()


def opened(content: bytes) -> Image.Image:
    """Return an image with its pixels loaded."""
    picture = Image.open(BytesIO(content))
    picture.load()
    return picture


def files_in(folder: Path) -> list[str]:
    """Return the names of the stored files, each with its folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*"))
