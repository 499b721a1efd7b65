"""Bars and curves as SVG, from nothing but numbers."""
import math
from html import escape

WIDTH, HEIGHT = 820, 360
LEFT, RIGHT, TOP, BOTTOM = 80, 20, 60, 50
COLOURS = ("#0072b2", "#999999", "#e69f00", "#009e73", "#cc79a7", "#d55e00")


def short(value):
    for limit, unit in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}"


class Axis:
    """Values to places between two ends; `log`: every factor of ten has the same room."""

    def __init__(self, least, most, begin, end, log):
        self.log = log
        self.least = 10 ** math.floor(math.log10(least)) if log else 0
        self.most = most * (1.3 if log else 1.05)
        self.begin, self.end = begin, end

    def place(self, value):
        if self.log:
            part = math.log(max(value, self.least) / self.least) / math.log(self.most / self.least)
        else:
            part = value / self.most
        return self.begin + part * (self.end - self.begin)

    def marks(self):
        if self.log:
            powers = range(round(math.log10(self.least)), math.floor(math.log10(self.most)) + 1)
            return [10.0 ** p for p in powers]
        step = 10 ** math.floor(math.log10(self.most / 2))
        step *= next(k for k in (1, 2, 5) if self.most / (k * step) <= 6 or k == 5)
        return [i * step for i in range(int(self.most / step) + 1)]


def text(x, y, words, anchor="middle", size=12):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(words)}</text>'


def frame(title, unit, names, axis):
    """Title, legend, and the lines across."""
    parts = [text(LEFT, 20, title, "start", 15), text(LEFT - 8, TOP - 8, unit, "end")]
    x = LEFT
    for name, colour in zip(names, COLOURS):
        parts.append(f'<rect x="{x}" y="30" width="12" height="12" fill="{colour}"/>')
        parts.append(text(x + 17, 41, name, "start"))
        x += 35 + 7 * len(name)
    for mark in axis.marks():
        y = axis.place(mark)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(text(LEFT - 8, y + 4, short(mark), "end"))
    return parts


def save(path, parts):
    with open(path, "w", encoding="utf-8") as file:
        file.write(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">\n'
                   f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n')
        file.write("\n".join(parts) + "\n</svg>\n")


def bars(path, title, unit, names, groups, log=False):
    """`groups`: (label, one value or None for each of `names`)."""
    values = [v for _, row in groups for v in row if v]
    axis = Axis(min(values), max(values), HEIGHT - BOTTOM, TOP, log)
    parts = frame(title, unit, names, axis)
    room = (WIDTH - LEFT - RIGHT) / len(groups)
    width = 0.8 * room / len(names)
    for g, (label, row) in enumerate(groups):
        left = LEFT + g * room + 0.1 * room
        parts.append(text(LEFT + (g + 0.5) * room, HEIGHT - BOTTOM + 18, label))
        for i, value in enumerate(row):
            if not value:
                continue
            y = axis.place(value)
            parts.append(f'<rect x="{left + i * width:.1f}" y="{y:.1f}" width="{width * 0.92:.1f}" '
                         f'height="{HEIGHT - BOTTOM - y:.1f}" fill="{COLOURS[i]}"/>')
            if width > 26:
                parts.append(text(left + (i + 0.46) * width, y - 3, short(value), size=9))
    save(path, parts)


def curves(path, title, unit, x_label, named):
    """`named`: name -> [(x, y)], x on a scale of factors, y from nought."""
    points = [p for curve in named.values() for p in curve]
    across = Axis(min(x for x, _ in points), max(x for x, _ in points), LEFT, WIDTH - RIGHT, True)
    up = Axis(1, max(y for _, y in points), HEIGHT - BOTTOM, TOP, False)
    parts = frame(title, unit, list(named), up)
    for x in sorted({x for x, _ in points if len(named) > 1 or len(points) < 12}):
        parts.append(text(across.place(x), HEIGHT - BOTTOM + 18, short(x)))
    parts.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, x_label))
    for curve, colour in zip(named.values(), COLOURS):
        places = [(across.place(x), up.place(y)) for x, y in curve]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in places]
    save(path, parts)
