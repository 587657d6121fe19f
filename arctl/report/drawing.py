"""The one door to matplotlib: a figure drawn as an `<svg>` element that can stand in a page with others.

Letters stay letters, so that they can be found and heard. Nothing of a label is read as mathematics or markup.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from arctl.errors import UsageError
from arctl.text import safe_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INKS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Line colours that colour-blind eyes tell apart on white (Okabe and Ito 2008), without their yellow."""

DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (5, 1.5, 1, 1.5)))
"""Line styles that tell runs apart where the colours are used up."""

SOFT = "#57606a"
"""Ink of axes and of what is said beside."""

_STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "arctl",
    "text.parse_math": False,
    "font.family": "sans-serif",
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": SOFT,
    "axes.titlesize": 10.0,
    "axes.titlelocation": "left",
    "axes.grid": False,
    "grid.color": "#e4e8ec",
    "grid.linewidth": 0.7,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": "#1b1f24",
    "ytick.labelcolor": "#1b1f24",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.8,
    "figure.constrained_layout.use": True,
}
_UNNAMED = {"Date": None, "Creator": None, "Format": None, "Type": None}
_SPACE = re.compile(r"\{[^}]*\}")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_NO_XML = re.compile("[\ufffe\uffff]")


def svg(draw: Callable[[Figure], None], *, width: float, height: float, name: str) -> str:
    """Return what `draw` puts on an empty figure of `width` by `height` inches.

    `name` sets its ids apart from those of other figures of the page. Raises UsageError where matplotlib is missing.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    except ImportError:
        cure = "install the extra of arctl that reports need, `arctl[report]`, or write --format markdown"
        raise UsageError("figures are drawn by matplotlib, which is not installed", cure=cure) from None
    out = io.StringIO()
    with rc_context(_STYLE), warnings.catch_warnings():  # type: ignore[arg-type]
        warnings.simplefilter("ignore")  # a letter that the measuring font lacks: the reader's has it
        figure = Figure(figsize=(width, height))
        FigureCanvasSVG(figure)
        draw(figure)
        figure.savefig(out, format="svg", metadata=_UNNAMED, transparent=True)
    return _embeddable(out.getvalue(), name, width)


def label(text: str, *, limit: int = 60) -> str:
    """Return foreign text for a figure: one printable line that is not too long."""
    line = _NO_XML.sub("\ufffd", safe_line(text, limit=10 * limit))
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def _embeddable(text: str, name: str, width: float) -> str:
    """Return an SVG file as an element for HTML: own ids, no style sheet for the whole page, no names of spaces."""
    root = ElementTree.fromstring(text)
    for element in root.iter():
        element.tag = _SPACE.sub("", element.tag)
        for key, value in list(element.attrib.items()):
            del element.attrib[key]
            plain = _SPACE.sub("", key)
            if plain == "id":
                element.set(plain, f"{name}-{value}")
            elif plain == "href" and value.startswith("#"):
                element.set(plain, f"#{name}-{value[1:]}")
            elif plain not in ("space", "version"):
                element.set(plain, _REFERENCE.sub(rf"url(#{name}-\1)", value))
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in ("style", "metadata"):
                parent.remove(child)
    for key in ("width", "height"):
        root.attrib.pop(key, None)
    root.set("style", f"max-width:{96 * width:.0f}px;min-width:min({96 * width:.0f}px,34rem)")
    return ElementTree.tostring(root, encoding="unicode")
