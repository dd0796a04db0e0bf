"""Test signals and cards as they come before and after programmes, (720, 1280, 3) uint8 each."""

from __future__ import annotations

import av.filter
import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE = 1280, 720
BARS = ("smptebars", "smptehdbars", "pal75bars", "pal100bars", "testsrc", "testsrc2")  # as FFmpeg draws them
_SLATE = (
    "PROGRAMME   The Long Way Home",
    "EPISODE     4 of 6",
    "DURATION    00:42:17:12",
    "ASPECT      16:9 FHA",
    "AUDIO       stereo, R128 -23 LUFS",
    "DATE        12 March 2024",
    "IN 10:00:00:00   OUT 10:42:17:12",
)
_NAMES = (
    "Anna Berglund",
    "Tomas Okafor",
    "Ines Carvalho",
    "Lars Holm",
    "Mei Tanaka",
    "Priya Nair",
    "Elif Kaya",
)


def bars(name: str) -> np.ndarray:
    """Bars by the name of FFmpeg's source."""
    graph = av.filter.Graph()
    source, sink = graph.add(name, f"size={SIZE[0]}x{SIZE[1]}"), graph.add("buffersink")
    source.link_to(sink)
    graph.configure()
    return graph.pull().to_ndarray(format="rgb24")


def labelled(picture: np.ndarray) -> np.ndarray:
    """With a station's logo and its name on a black box, as line-ups have them."""
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    draw.rounded_rectangle((1050, 40, 1230, 110), 20, fill=(240, 240, 240))
    draw.rectangle((300, 280, 980, 440), fill=(0, 0, 0))
    draw.text((330, 300), "CHANNEL TWO  LINE-UP", font=_font(56), fill=(255, 255, 255))
    draw.text((330, 370), "tone 1 kHz -18 dBFS", font=_font(40), fill=(255, 255, 255))
    return np.asarray(image)


def slate(ground=(12, 12, 14), ink=(235, 235, 235), *, boxed=False) -> np.ndarray:
    """The board before a programme, in lines of a table."""
    image, draw = _blank(ground)
    draw.text((80, 50), "NORTH LIGHT PICTURES", font=_font(56), fill=ink)
    for row, line in enumerate(_SLATE):
        draw.text((80, 170 + row * 70), line, font=_font(40), fill=ink)
        draw.line((80, 225 + row * 70, 1200, 225 + row * 70), fill=ink, width=2)
    if boxed:
        draw.rectangle((940, 180, 1220, 330), fill=(200, 160, 20))
        draw.text((960, 220), "MASTER", font=_font(60), fill=(20, 20, 20))
    return np.asarray(image)


def slate_on_a_slope() -> np.ndarray:
    """White on a ground that goes from dark to lighter."""
    written = slate((0, 0, 0))
    ground = np.linspace(30, 90, SIZE[1])[:, None, None] * np.array([0.6, 0.8, 1.0])
    return np.where(written > 40, written, ground).astype(np.uint8)


def clapper() -> np.ndarray:
    """A clapper board, drawn, with its stripes."""
    image, draw = _blank((60, 62, 66))
    draw.rectangle((180, 160, 1100, 680), fill=(18, 18, 20))
    for k in range(8):
        x = 180 + k * 115
        shape = [(x, 160), (x + 60, 160), (x + 30, 70), (x - 30, 70)]
        draw.polygon(shape, fill=(240, 240, 240) if k % 2 else (15, 15, 15))
    lines = (
        "PROD.  LONG WAY HOME",
        "SCENE 27   TAKE 3   ROLL A12",
        "DIRECTOR  M. Lindqvist",
        "CAMERA  J. Okafor",
    )
    for row, line in enumerate(lines):
        draw.text((220, 190 + row * 115), line, font=_font(48), fill=(245, 245, 245))
        draw.line((180, 280 + row * 115, 1100, 280 + row * 115), fill=(220, 220, 220), width=3)
    return np.asarray(image)


def leader(number=5, *, dark=False) -> np.ndarray:
    """A frame of a countdown, with its sweep."""
    ground, ink, swept = (
        ((150,) * 3, (20,) * 3, (105,) * 3) if not dark else ((15,) * 3, (235,) * 3, (60,) * 3)
    )
    image, draw = _blank(ground)
    draw.pieslice((-300, -580, 1580, 1300), -90, -90 + 45 * number, fill=swept)
    draw.line((0, 360, 1280, 360), fill=ink, width=4)
    draw.line((640, 0, 640, 720), fill=ink, width=4)
    for radius in (250, 300):
        draw.ellipse((640 - radius, 360 - radius, 640 + radius, 360 + radius), outline=ink, width=8)
    draw.text((640, 360), str(number), font=_font(380), fill=ink, anchor="mm")
    return np.asarray(image)


def credits_at(y=0, ground=(0, 0, 0), ink=(235, 235, 235), *, size=36) -> np.ndarray:
    """Rolling credits, `y` pixels on."""
    image, draw = _blank(ground)
    for row in range(24):
        draw.text(
            (620, 60 * row - y),
            ("gaffer", "camera", "editor")[row % 3],
            font=_font(size),
            fill=ink,
            anchor="rm",
        )
        draw.text((660, 60 * row - y), _NAMES[row % 7], font=_font(size), fill=ink, anchor="lm")
    return np.asarray(image)


def title(text="THE END", ground=(0, 0, 0), ink=(240, 200, 60), *, size=220) -> np.ndarray:
    """A few words in the middle."""
    image, draw = _blank(ground)
    draw.text((640, 360), text, font=_font(size), fill=ink, anchor="mm", align="center")
    return np.asarray(image)


def _blank(ground) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", SIZE, ground)
    return image, ImageDraw.Draw(image)


def _font(size: int):
    return ImageFont.load_default(size=size)


CARDS = {
    "slate": slate(),
    "blue slate": slate((20, 40, 120), (255, 255, 255), boxed=True),
    "white slate": slate((225, 225, 225), (10, 10, 10)),
    "slate on a slope": slate_on_a_slope(),
    "clapper": clapper(),
    "leader": leader(),
    "dark leader": leader(3, dark=True),
    "credits": credits_at(30),
    "dense credits": credits_at(10, size=44),
    "white credits": credits_at(0, (225, 225, 225), (20, 20, 20)),
    "title": title(),
    "small title": title("a film by\nInes Carvalho", ink=(230, 230, 230), size=48),
    "red title": title("CHAPTER 3", (150, 20, 25), (255, 255, 255), size=140),
}
