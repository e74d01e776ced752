"""Draws the pictures the starter model learns from, and writes their captions.

A scene is flat: a background, and one or two shapes of one colour each. The vocabulary is small on purpose. A model
this size can then learn to combine words, and the judge can tell from pixels alone whether it did.
"""

from __future__ import annotations

import hashlib
import math
import random
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

SIDE = 256

COLOURS = {
    "red": (220, 30, 40),
    "orange": (250, 135, 20),
    "yellow": (250, 220, 40),
    "green": (30, 160, 60),
    "blue": (35, 80, 220),
    "purple": (140, 50, 180),
    "white": (248, 248, 248),
    "black": (16, 16, 16),
}
SHAPES = ("circle", "square", "triangle", "diamond", "star", "cross")
# Half the side of the shape's bounding box, in pixels of a 256-pixel picture.
SIZES = {"small": (28, 34), "medium": (52, 60), "large": (84, 96)}
PAIR_RADIUS = (38, 48)
# Where a shape stands follows from the caption, give or take: in the middle unless it names a place. Were it anywhere, a
# model this small would spend all its training on guessing where.
AROUND = 12
PLACES = {"on the left": (-1, 0), "on the right": (1, 0), "at the top": (0, -1), "at the bottom": (0, 1)}
PLACE_OFFSET = (46, 60)
HELD_OUT_PERCENT = 25


@dataclass(frozen=True)
class Thing:
    shape: str
    colour: str
    size: str | None  # None in scenes of two, where sizes are all alike
    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Scene:
    background: str
    things: tuple[Thing, ...]
    relation: str | None = field(default=None)  # of the first to the second: "left of", "above"
    place: str | None = field(default=None)  # of a single thing that is not in the middle

    def key(self) -> str:
        """What is shown, without where: the combination that is or is not held out of training."""
        if self.relation is None:
            (t,) = self.things
            return f"{t.size} {t.colour} {t.shape} on {self.background}"
        a, b = self.things
        return f"{a.colour} {a.shape} {self.relation} {b.colour} {b.shape} on {self.background}"


def is_held_out(key: str) -> bool:
    """The same answer in every run and language: the first four bytes of SHA-256, modulo 100."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big") % 100 < HELD_OUT_PERCENT


def outline(shape: str) -> list[tuple[float, float]]:
    """Corners of the shape in a box from -1 to 1, y down."""
    if shape == "square":
        return [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    if shape == "triangle":
        return [(0, -1), (1, 1), (-1, 1)]
    if shape == "diamond":
        return [(0, -1), (1, 0), (0, 1), (-1, 0)]
    if shape == "cross":
        a = 1 / 3
        return [(-a, -1), (a, -1), (a, -a), (1, -a), (1, a), (a, a), (a, 1), (-a, 1), (-a, a), (-1, a), (-1, -a), (-a, -a)]
    if shape == "star":
        points = []
        for i in range(10):
            r = 1.0 if i % 2 == 0 else 0.42
            angle = -math.pi / 2 + i * math.pi / 5
            points.append((r * math.cos(angle), r * math.sin(angle)))
        return points
    raise ValueError(shape)


_masks: dict[tuple[str, int], np.ndarray] = {}


def mask(shape: str, diameter: int) -> np.ndarray:
    """Coverage of the shape in a square of `diameter` pixels, 0 to 1, anti-aliased by drawing at four times the size."""
    found = _masks.get((shape, diameter))
    if found is None:
        scale = 4
        side = diameter * scale
        image = Image.new("L", (side, side), 0)
        draw = ImageDraw.Draw(image)
        if shape == "circle":
            draw.ellipse((0, 0, side - 1, side - 1), fill=255)
        else:
            half = (side - 1) / 2
            draw.polygon([((x + 1) * half, (y + 1) * half) for x, y in outline(shape)], fill=255)
        found = np.asarray(image.resize((diameter, diameter), Image.Resampling.BOX), np.float32) / 255
        _masks[(shape, diameter)] = found
    return found


def draw(scene: Scene) -> np.ndarray:
    """The scene as a uint8 array [256, 256, 3]."""
    picture = np.empty((SIDE, SIDE, 3), np.float32)
    picture[:] = COLOURS[scene.background]
    for t in scene.things:
        d = round(2 * t.radius)
        left, top = round(t.x - t.radius), round(t.y - t.radius)
        cover = mask(t.shape, d)[..., None]
        part = picture[top : top + d, left : left + d]
        part += cover * (np.array(COLOURS[t.colour], np.float32) - part)
    return np.rint(picture).astype(np.uint8)


def single(rng: random.Random, shape: str, colour: str, size: str, background: str, place: str | None = None) -> Scene:
    radius = rng.uniform(*SIZES[size])
    # Never closer than 6 pixels to an edge.
    room = SIDE / 2 - 6 - radius
    x, y = (rng.uniform(-AROUND, AROUND) for _ in range(2))
    if place is not None:
        along = rng.uniform(*PLACE_OFFSET)
        x, y = (d * along if d else v for d, v in zip(PLACES[place], (x, y)))
    x, y = (SIDE / 2 + min(max(v, -room), room) for v in (x, y))
    return Scene(background, (Thing(shape, colour, size, x, y, radius),), place=place)


def pair(rng: random.Random, first: tuple[str, str], second: tuple[str, str], relation: str, background: str) -> Scene:
    along = [rng.uniform(56, 68), rng.uniform(SIDE - 68, SIDE - 56)]
    across = [SIDE / 2 + rng.uniform(-16, 16) for _ in range(2)]
    things = []
    for (shape, colour), a, b in zip((first, second), along, across):
        radius = rng.uniform(*PAIR_RADIUS)
        x, y = (a, b) if relation == "left of" else (b, a)
        things.append(Thing(shape, colour, None, x, y, radius))
    return Scene(background, tuple(things), relation)


def random_scene(rng: random.Random, pairs: float = 0.3) -> Scene:
    background = rng.choice(list(COLOURS))
    others = [c for c in COLOURS if c != background]
    if rng.random() >= pairs:
        size = rng.choice(list(SIZES))
        place = rng.choice(list(PLACES)) if size != "large" and rng.random() < 0.2 else None
        return single(rng, rng.choice(SHAPES), rng.choice(others), size, background, place)
    first = (rng.choice(SHAPES), rng.choice(others))
    second = (rng.choice(SHAPES), rng.choice(others))
    return pair(rng, first, second, rng.choice(("left of", "above")), background)


def training_scene(rng: random.Random, pairs: float = 0.3) -> Scene:
    """A random scene whose combination is not held out."""
    while True:
        scene = random_scene(rng, pairs)
        if not is_held_out(scene.key()):
            return scene


def full_caption(scene: Scene) -> str:
    """The plain form, with every property named: `a large red circle on a blue background`."""
    if scene.relation is None:
        (t,) = scene.things
        where = "" if scene.place is None else f" {scene.place}"
        return f"a {t.size} {t.colour} {t.shape}{where} on a {scene.background} background".replace("a orange", "an orange")
    a, b = scene.things
    words = f"a {a.colour} {a.shape} {scene.relation} a {b.colour} {b.shape} on a {scene.background} background"
    return words.replace("a orange", "an orange")


def caption(rng: random.Random, scene: Scene) -> str:
    """One of many ways to say it. Two thirds are the plain form; the others leave something out or put it differently."""
    if rng.random() < 0.65:
        return full_caption(scene)
    ground = rng.choice((f" on a {scene.background} background", f" on {scene.background}", f", {scene.background} background", ""))
    if scene.relation is None:
        (t,) = scene.things
        size = rng.choice((t.size, t.size, t.size, {"small": "tiny", "medium": "", "large": "big"}[t.size]))
        parts = [rng.choice(("a", "a", "", "one", "a picture of a")), size, t.colour, t.shape, scene.place]
        words = " ".join(p for p in parts if p)
    else:
        a, b = scene.things
        one, two = f"a {a.colour} {a.shape}", f"a {b.colour} {b.shape}"
        form = rng.randrange(3)
        if form == 0:
            inverse = {"left of": "right of", "above": "below"}[scene.relation]
            words = f"{two} {inverse} {one}"
        elif form == 1:
            words = f"{one} {'to the left of' if scene.relation == 'left of' else 'over'} {two}"
        else:
            words = f"{one} {scene.relation} {two}"
    return (words + ground).replace("a orange", "an orange").strip()


def vocabulary_corpus() -> list[str]:
    """Enough captions to hold every word and common neighbour: what the tokenizer's merges are learned from."""
    rng = random.Random(7)
    return [caption(rng, random_scene(rng)) for _ in range(4000)]
