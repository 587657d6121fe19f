"""The moving pictures of the synthetic data set: textured sprites on a textured background, drawn as YUV 4:2:0.

A sprite's state has four phases, each on a circle of its own: across, down, angle, and the logarithm of its size. At
the edge each wraps around, as a sprite that leaves at the right comes in at the left. All phases start uniform, and a
motion turns exactly one of them at a steady pace. A uniform phase stays uniform at every instant, so one frame looks
the same under every motion; and a motion played backwards is its twin, so frames without their order do not tell the
two apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, RATE = 320, 240, 25
"""Pixels, pixels, frames a second: as UCF101."""
ACROSS, DOWN, ANGLE, SIZE = range(4)
"""The phases of a sprite, in this order."""
MOTIONS = {
    "Approach": (SIZE, 1),
    "MoveDown": (DOWN, 1),
    "MoveLeft": (ACROSS, -1),
    "MoveRight": (ACROSS, 1),
    "MoveUp": (DOWN, -1),
    "Recede": (SIZE, -1),
    "RotateClockwise": (ANGLE, 1),
    "RotateCounterClockwise": (ANGLE, -1),
}
"""Class -> (the phase that turns, which way). Angles grow clockwise as seen on the screen."""
TWINS = {
    name: next(other for other in MOTIONS if MOTIONS[other] == (axis, -way)) for name, (axis, way) in MOTIONS.items()
}
"""Class -> the class that is its reverse in time."""
RADII = (30.0, 90.0)
"""Radius of a sprite at size phase 0 and just below 1, pixels."""
TURNS = {ACROSS: (0.25, 0.55), DOWN: (0.25, 0.55), ANGLE: (0.3, 0.66), SIZE: (0.4, 0.88)}
"""Turns of the moving phase over a clip of any length, least and most: between two of 8 frames at most a ninth."""
SPRITES = 3
"""Sprites in a clip."""
SECONDS = (2.0, 5.0)
"""Length of a clip, least and most."""
TEXTURE, SCALE = 160, 48
"""Side of a sprite's texture, and one radius on it, texels: a turned box around the disc stays inside."""

Plane = NDArray[np.uint8]
Shorts = NDArray[np.int16]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sprite:
    """A textured shape within a unit disc: three (TEXTURE, TEXTURE) planes, and how much each texel covers."""

    planes: tuple[Shorts, Shorts, Shorts]
    """Luma and the two chromas, 0 to 255."""
    cover: Shorts
    """0 outside the shape to 128 inside it."""


@dataclass(frozen=True)
class Look:
    """What the clips of one group share: the wave vectors of the background, and a family of sprites."""

    waves: Floats
    """(N, 3): whole periods across and down, and the amplitude, luma levels."""
    tints: Floats
    """(2, N): the amplitude of each wave in the two chromas."""
    level: Floats
    """(3,): mean luma and chromas."""
    sprites: tuple[Sprite, ...]
    """The family."""


@dataclass(frozen=True)
class Scene:
    """One clip before it is drawn."""

    background: tuple[Plane, Plane, Plane]
    """(HEIGHT, WIDTH) luma and two (HEIGHT/2, WIDTH/2) chromas."""
    sprites: tuple[Sprite, ...]
    """S sprites, the last one in front."""
    start: Floats
    """(S, 4) phases of the first frame, in [0, 1)."""
    turns: Floats
    """(S, 4) turns over the whole clip; one column is not zero."""
    frames: int
    """Number of frames."""

    def phases(self, frame: int) -> Floats:
        """Return the (S, 4) phases of a frame, in [0, 1)."""
        return np.asarray((self.start + self.turns * (frame / self.frames)) % 1.0)

    def reversed(self) -> Scene:
        """Return the scene whose frames are these in the opposite order."""
        return replace(self, start=self.phases(self.frames - 1), turns=-self.turns)


def draw_look(rng: np.random.Generator) -> Look:
    """Draw what a group of clips shares."""
    count = 14
    periods = rng.integers(-9, 10, size=(count, 2)).astype(float)
    periods[(periods == 0).all(axis=1)] = 1.0
    amplitude = 14.0 / np.sqrt(np.hypot(*periods.T)) * rng.uniform(0.5, 1.0, count)
    tints = rng.normal(0.0, 0.45, (2, count)) * amplitude
    level = np.array([rng.uniform(95, 150), rng.uniform(108, 148), rng.uniform(108, 148)])
    sprites = tuple(_draw_sprite(rng) for _ in range(5))
    return Look(waves=np.column_stack([periods, amplitude]), tints=tints, level=level, sprites=sprites)


def draw_scene(motion: str, *, look: Look, rng: np.random.Generator) -> Scene:
    """Draw a clip of a motion. With the same generator, a motion and its twin get the same frames in opposite order."""
    axis, way = MOTIONS[motion]
    frames = int(rng.integers(round(SECONDS[0] * RATE), round(SECONDS[1] * RATE) + 1))
    chosen = rng.permutation(len(look.sprites))[:SPRITES]
    turns = np.zeros((SPRITES, 4))
    turns[:, axis] = rng.uniform(*TURNS[axis], SPRITES)
    scene = Scene(
        background=_background(look, rng),
        sprites=tuple(look.sprites[index] for index in chosen),
        start=rng.uniform(0.0, 1.0, (SPRITES, 4)),
        turns=turns,
        frames=frames,
    )
    return scene if way > 0 else scene.reversed()


def render(scene: Scene) -> Iterator[Plane]:
    """Yield each frame as a (HEIGHT * 3/2, WIDTH) array in yuv420p order; the array is used again for the next one."""
    buffer = np.empty((HEIGHT * 3 // 2, WIDTH), np.uint8)
    luma = buffer[:HEIGHT]
    chromas = buffer[HEIGHT:].reshape(2, HEIGHT // 2, WIDTH // 2)
    for frame in range(scene.frames):
        luma[:], chromas[0], chromas[1] = scene.background
        for sprite, phases in zip(scene.sprites, scene.phases(frame), strict=True):
            across, down = float(phases[ACROSS]) * WIDTH, float(phases[DOWN]) * HEIGHT
            angle = float(phases[ANGLE]) * 2 * np.pi
            radius = RADII[0] * (RADII[1] / RADII[0]) ** float(phases[SIZE])
            _stamp((luma,), sprite.planes[:1], sprite.cover, (across, down), angle, radius)
            _stamp((chromas[0], chromas[1]), sprite.planes[1:], sprite.cover, (across / 2, down / 2), angle, radius / 2)
        yield buffer


def _stamp(
    targets: tuple[Plane, ...],
    sources: tuple[Shorts, ...],
    cover: Shorts,
    centre: tuple[float, float],
    angle: float,
    radius: float,
) -> None:
    """Draw a sprite on planes of one size, around the edges where it reaches over them."""
    height, width = targets[0].shape
    reach = int(radius) + 1
    left, top = int(centre[0]) - reach, int(centre[1]) - reach
    span = np.arange(2 * reach + 1, dtype=np.float32) + np.float32(0.5)
    right = (span + np.float32(left - centre[0])) * np.float32(SCALE / radius)
    below = (span + np.float32(top - centre[1])) * np.float32(SCALE / radius)
    cosine, sine, middle = np.float32(np.cos(angle)), np.float32(np.sin(angle)), np.float32(TEXTURE / 2)
    texels = ((cosine * below)[:, None] - (sine * right - middle)[None, :]).astype(np.intp)
    texels *= TEXTURE
    texels += ((sine * below)[:, None] + (cosine * right + middle)[None, :]).astype(np.intp)
    blend = cover.take(texels)
    drawn = [source.take(texels) for source in sources]
    for rows, rows_drawn in _around(top, len(span), height):
        for columns, columns_drawn in _around(left, len(span), width):
            part = blend[rows_drawn, columns_drawn]
            for target, colour in zip(targets, drawn, strict=True):
                under = target[rows, columns]
                under += (((colour[rows_drawn, columns_drawn] - under) * part) >> 7).astype(np.uint8)


def _around(start: int, length: int, period: int) -> Iterator[tuple[slice, slice]]:
    """Yield where the pieces of `start ... start + length` lie on a circle, and which part each one is."""
    done = 0
    while done < length:
        at = (start + done) % period
        size = min(length - done, period - at)
        yield slice(at, at + size), slice(done, done + size)
        done += size


def _draw_sprite(rng: np.random.Generator) -> Sprite:
    axis = (np.arange(TEXTURE) + 0.5 - TEXTURE / 2) / SCALE
    u, v = np.meshgrid(axis, axis)
    around, out = np.arctan2(v, u), np.hypot(u, v)
    harmonics = np.arange(1, 5)[:, None, None]
    weights, turns = rng.uniform(0.02, 0.16, 4), rng.uniform(0, 2 * np.pi, 4)
    edge = 0.7 + (weights[:, None, None] * np.cos(harmonics * around + turns[:, None, None])).sum(axis=0)
    edge *= 0.94 / edge.max()
    cover = np.clip((edge - out) * SCALE / 2, 0, 1)
    tilt, grain = rng.uniform(0, 2 * np.pi), rng.uniform(-4, 4, (3, 2))
    shade = np.tanh(2.5 * (u * np.cos(tilt) + v * np.sin(tilt)))
    ripple = sum(
        np.cos(np.pi * (a * u + b * v) + phase) for (a, b), phase in zip(grain, rng.uniform(0, 6.28, 3), strict=True)
    )
    luma = rng.uniform(110, 145) + 88 * shade + 9 * ripple
    chromas = [rng.uniform(60, 196) + 26 * rng.choice([-1, 1]) * shade + 8 * ripple for _ in range(2)]
    planes = [np.clip(plane, 16, 235).astype(np.int16) for plane in (luma, *chromas)]
    return Sprite(planes=(planes[0], planes[1], planes[2]), cover=(cover * 128).astype(np.int16))


def _background(look: Look, rng: np.random.Generator) -> tuple[Plane, Plane, Plane]:
    """The group's waves, each at a phase of this clip: periodic, so no place on it is special."""
    phases = rng.uniform(0, 2 * np.pi, len(look.waves))
    planes = []
    for level, amplitudes, step in zip(look.level, (look.waves[:, 2], *look.tints), (1, 2, 2), strict=True):
        x, y = np.arange(0, WIDTH, step) * (2 * np.pi / WIDTH), np.arange(0, HEIGHT, step) * (2 * np.pi / HEIGHT)
        total = np.full((len(y), len(x)), level)
        for (across, down, _), amplitude, phase in zip(look.waves, amplitudes, phases, strict=True):
            wave_x, wave_y = np.exp(1j * (across * x + phase)), np.exp(1j * down * y)
            total += amplitude * (wave_y[:, None] * wave_x[None, :]).real
        planes.append(np.clip(total, 16, 235).astype(np.uint8))
    return planes[0], planes[1], planes[2]
