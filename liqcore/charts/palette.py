"""Colour maps, the step from USD to colour, and legends that read in USD.

Inferno and viridis are by N. J. Smith and S. van der Walt (CC0, as shipped with matplotlib); cividis is by
J. R. Nuñez, C. R. Anderton and R. S. Renslow, PLoS ONE 13 (2018) e0199239, made for readers with a colour
vision deficiency. All three rise evenly in lightness for normal and colour-blind eyes. The diverging map is
built here in OKLab (B. Ottosson, 2020): equal lightness on both arms, orange for longs, blue for shorts.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

Kind = Literal["linear", "log", "percentile"]

PALETTES: Final = ("inferno", "viridis", "cividis")
DIVERGING: Final = "orange-blue"
SCALES: Final[tuple[Kind, ...]] = ("log", "linear", "percentile")

PANEL: Final = "#0b0e14"  # the plot is dark in both themes, because the maps start near black
LONG: Final = "#f2a24b"  # the two sides wherever they are drawn as lines or bars
SHORT: Final = "#5fb0f0"

# The first colours of a map are darker than the panel: a cell in them would look emptier than an empty one.
_FIRST: Final = {"inferno": 30, "viridis": 8, "cividis": 12}
# On the light ground: the first share of a map's own colour in white, how many steps are mixed, and the
# lightness of the diverging map's middle and ends.
_OFF_WHITE: Final = 0.15
_MIXED: Final = 34
_LIGHT_ARMS: Final = (0.965, 0.42)
_STOPS: Final = 101
_QUANTILES: Final = (0.05, 0.995)
_SAMPLE: Final = 10_000
_FALLBACK: Final = (1e3, 1e6)

_HEX: Final = {
    "inferno": (
        "00000401000501010601010802010a02020c02020e03021004031204031405041706041907051b08051d09061f0a07220b07240c0826"
        "0d08290e092b10092d110a30120a32140b34150b37160b39180c3c190c3e1b0c411c0c431e0c451f0c48210c4a230c4c240c4f260c51"
        "280b53290b552b0b572d0b592f0a5b310a5c320a5e340a5f3609613809623909633b09643d09653e0966400a67420a68440a68450a69"
        "470b6a490b6a4a0c6b4c0c6b4d0d6c4f0d6c510e6c520e6d540f6d550f6d57106e59106e5a116e5c126e5d126e5f136e61136e62146e"
        "64156e65156e67166e69166e6a176e6c186e6d186e6f196e71196e721a6e741a6e751b6e771c6d781c6d7a1d6d7c1d6d7d1e6d7f1e6c"
        "801f6c82206c84206b85216b87216b88226a8a226a8c23698d23698f24699025689225689326679526679727669827669a28659b2964"
        "9d29649f2a63a02a63a22b62a32c61a52c60a62d60a82e5fa92e5eab2f5ead305dae305cb0315bb1325ab3325ab43359b63458b73557"
        "b93556ba3655bc3754bd3853bf3952c03a51c13a50c33b4fc43c4ec63d4dc73e4cc83f4bca404acb4149cc4248ce4347cf4446d04545"
        "d24644d34743d44842d54a41d74b3fd84c3ed94d3dda4e3cdb503bdd513ade5238df5337e05536e15635e25734e35933e45a31e55c30"
        "e65d2fe75e2ee8602de9612bea632aeb6429eb6628ec6726ed6925ee6a24ef6c23ef6e21f06f20f1711ff1731df2741cf3761bf37819"
        "f47918f57b17f57d15f67e14f68013f78212f78410f8850ff8870ef8890cf98b0bf98c0af98e09fa9008fa9207fa9407fb9606fb9706"
        "fb9906fb9b06fb9d07fc9f07fca108fca309fca50afca60cfca80dfcaa0ffcac11fcae12fcb014fcb216fcb418fbb61afbb81dfbba1f"
        "fbbc21fbbe23fac026fac228fac42afac62df9c72ff9c932f9cb35f8cd37f8cf3af7d13df7d340f6d543f6d746f5d949f5db4cf4dd4f"
        "f4df53f4e156f3e35af3e55df2e661f2e865f2ea69f1ec6df1ed71f1ef75f1f179f2f27df2f482f3f586f3f68af4f88ef5f992f6fa96"
        "f8fb9af9fc9dfafda1fcffa4"
    ),
    "viridis": (
        "44015444025645045745055946075a46085c460a5d460b5e470d60470e6147106347116447136548146748166848176948186a481a6c"
        "481b6d481c6e481d6f481f70482071482173482374482475482576482677482878482979472a7a472c7a472d7b472e7c472f7d46307e"
        "46327e46337f463480453581453781453882443983443a83443b84433d84433e85423f85424086424186414287414487404588404688"
        "3f47883f48893e49893e4a893e4c8a3d4d8a3d4e8a3c4f8a3c508b3b518b3b528b3a538b3a548c39558c39568c38588c38598c375a8c"
        "375b8d365c8d365d8d355e8d355f8d34608d34618d33628d33638d32648e32658e31668e31678e31688e30698e306a8e2f6b8e2f6c8e"
        "2e6d8e2e6e8e2e6f8e2d708e2d718e2c718e2c728e2c738e2b748e2b758e2a768e2a778e2a788e29798e297a8e297b8e287c8e287d8e"
        "277e8e277f8e27808e26818e26828e26828e25838e25848e25858e24868e24878e23888e23898e238a8d228b8d228c8d228d8d218e8d"
        "218f8d21908d21918c20928c20928c20938c1f948c1f958b1f968b1f978b1f988b1f998a1f9a8a1e9b8a1e9c891e9d891f9e891f9f88"
        "1fa0881fa1881fa1871fa28720a38620a48621a58521a68522a78522a88423a98324aa8325ab8225ac8226ad8127ad8128ae8029af7f"
        "2ab07f2cb17e2db27d2eb37c2fb47c31b57b32b67a34b67935b77937b87838b9773aba763bbb753dbc743fbc7340bd7242be7144bf70"
        "46c06f48c16e4ac16d4cc26c4ec36b50c46a52c56954c56856c66758c7655ac8645cc8635ec96260ca6063cb5f65cb5e67cc5c69cd5b"
        "6ccd5a6ece5870cf5773d05675d05477d1537ad1517cd2507fd34e81d34d84d44b86d54989d5488bd6468ed64590d74393d74195d840"
        "98d83e9bd93c9dd93ba0da39a2da37a5db36a8db34aadc32addc30b0dd2fb2dd2db5de2bb8de29bade28bddf26c0df25c2df23c5e021"
        "c8e020cae11fcde11dd0e11cd2e21bd5e21ad8e219dae319dde318dfe318e2e418e5e419e7e419eae51aece51befe51cf1e51df4e61e"
        "f6e620f8e621fbe723fde725"
    ),
    "cividis": (
        "00224e00234f00245100255300255400265600275800285900285b00295d002a5f002a61002b62002c64002c66002d68002e6a002e6c"
        "002f6d00306f0030700031700031710132710533710833700c34700f357012357014367016377018376f1a386f1c396f1e3a6f203a6f"
        "213b6e233c6e243c6e263d6e273e6e293f6e2a3f6d2b406d2d416d2e416d2f426d31436d32436d33446d34456c35456c36466c38476c"
        "39486c3a486c3b496c3c4a6c3d4a6c3e4b6c3f4c6c404c6c414d6c424e6c434e6c444f6c45506c46516c47516c48526c49536c4a536c"
        "4b546c4c556c4d556c4e566c4f576c50576c51586d52596d535a6d545a6d555b6d555c6d565c6d575d6d585e6d595e6e5a5f6e5b606e"
        "5c616e5d616e5e626e5e636f5f636f60646f61656f62656f636670646770656870656870666970676a71686a71696b716a6c716b6d72"
        "6c6d726c6e726d6f726e6f736f70737071737172747272747273747374757474757575757676767777767777777878777979777a7a78"
        "7b7a787c7b787d7c787e7c787e7d787f7e78807f78817f788280798381798482798582798683798784788885788985788a86788b8778"
        "8c88788d88788e89788f8a78908b78918b78928c78928d78938e78948e77958f779690779791779892779992779a93769b94769c9576"
        "9d95769e96769f9775a09875a19975a29975a39a74a49b74a59c74a69c74a79d73a89e73a99f73aaa073aba072aca172ada272aea371"
        "afa471b0a571b1a570b3a670b4a76fb5a86fb6a96fb7a96eb8aa6eb9ab6dbaac6dbbad6dbcae6cbdae6cbeaf6bbfb06bc0b16ac1b26a"
        "c2b369c3b369c4b468c5b568c6b667c7b767c8b866c9b965cbb965ccba64cdbb63cebc63cfbd62d0be62d1bf61d2c060d3c05fd4c15f"
        "d5c25ed6c35dd7c45cd9c55cdac65bdbc75adcc859ddc858dec958dfca57e0cb56e1cc55e2cd54e4ce53e5cf52e6d051e7d150e8d24f"
        "e9d34eead34cebd44bedd54aeed649efd748f0d846f1d945f2da44f3db42f5dc41f6dd3ff7de3ef8df3cf9e03afbe138fce236fde334"
        "fee434fee535fee636fee838"
    ),
}


class PaletteError(ValueError):
    """A colour map, scale or domain that cannot be used, said in one sentence."""


def usd(value: float) -> str:
    """USD to three significant digits, as the charts write it: $850, $12.3k, $309k, $1.25M, $2B."""
    size = abs(float(value))
    if not math.isfinite(size):
        return "unknown"
    if size == 0:
        return "$0"
    if size < 1:
        return "less than $1"
    exponent = math.floor(math.log10(size))
    rounded = round(size, 2 - exponent)
    for unit, suffix in ((1e9, "B"), (1e6, "M"), (1e3, "k"), (1.0, "")):
        if rounded >= unit:
            digits = max(0, 2 - math.floor(math.log10(rounded / unit) + 1e-9))
            text = f"{rounded / unit:,.{digits}f}"
            text = text.rstrip("0").rstrip(".") if "." in text else text
            return f"{'−' if value < 0 else ''}${text}{suffix}"
    return f"${rounded:g}"


@functools.lru_cache(maxsize=8)
def colours(name: str) -> np.ndarray:
    """(256, 3) uint8 sRGB of a colour map, dark to bright; the diverging map runs short, dark centre,
    long."""
    if name == DIVERGING:
        out = np.concatenate([_arm(248.0)[::-1], _arm(65.0)])
    elif name in _HEX:
        out = np.frombuffer(bytes.fromhex(_HEX[name]), dtype=np.uint8).reshape(256, 3).copy()
    else:
        raise PaletteError(
            f"There is no colour map {name!r}. Choose one of {', '.join((*PALETTES, DIVERGING))}."
        )
    out.flags.writeable = False
    return out


@functools.lru_cache(maxsize=16)
def drawn_colours(name: str, ground: Literal["dark", "light"] | str = "dark") -> np.ndarray:
    """(255, 3) uint8 for pixel values 1 to 255: from just off the ground to the colour farthest from it.

    On the dark ground that is the part of a map that stands out from the panel. On the light one the map runs
    the other way, from white over its bright end to its dark one, so that little heat is near the page's own
    colour on both; the diverging map has a light middle there.
    """
    if ground == "dark":
        full = colours(name)
        return full[np.linspace(_FIRST.get(name, 0), 255, 255).round().astype(int)]
    if name == DIVERGING:
        arms = [_arm(hue, _LIGHT_ARMS) for hue in (248.0, 65.0)]
        full = np.concatenate([arms[0][::-1], arms[1]])
        return full[np.linspace(0, 255, 255).round().astype(int)]
    full = colours(name)[::-1]
    # White mixed in at the start, in linear light, less and less.
    share = np.clip(np.linspace(_OFF_WHITE, 1.0, _MIXED), 0.0, 1.0)[:, None]
    first = _encoded((1 - share) + share * _linear(full[:1]))
    rest = full[np.linspace(0, 255, 255 - _MIXED + 1).round().astype(int)][1:]
    return np.concatenate([first, rest])


def hexes(rgb: np.ndarray) -> list[str]:
    """`#rrggbb` for (N, 3) uint8 colours."""
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in rgb.tolist()]


@dataclass(frozen=True)
class ColourScale:
    """How USD become colour; hand one to several charts and their colours can be compared.

    Attributes
    ----------
    kind : `log`, `linear`, or `percentile` (each colour covers an equal share of the cells).
    low, high : USD at the two ends; what lies beyond takes the colour of the end.
    palette : one of `PALETTES`, or `DIVERGING` when `diverging`.
    diverging : values carry a sign (long minus short) and the scale is mirrored around zero.
    stops : for `percentile`, USD at evenly spaced shares of the cells from 0 to 1.
    """

    kind: Kind
    low: float
    high: float
    palette: str = "inferno"
    diverging: bool = False
    stops: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in SCALES:
            raise PaletteError(f"A colour scale is log, linear or percentile, not {self.kind!r}.")
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise PaletteError(
                f"The colour scale from {self.low:g} to {self.high:g} USD is empty. Give a low end and a"
                " larger high end."
            )
        if self.kind == "log" and self.low <= 0:
            raise PaletteError(
                "A log colour scale cannot start at zero or below. Give a low end above 0 USD, or choose the"
                " linear scale."
            )
        if self.kind == "percentile" and len(self.stops) < 2:
            raise PaletteError(
                "A percentile colour scale needs the cells it ranks. Make it with colour_scale()."
            )
        colours(self.palette)

    def normalise(self, values: np.ndarray) -> np.ndarray:
        """Place of each value on the map, 0 to 1 (diverging: 0.5 is zero USD, above it longs outweigh)."""
        place = self._place(np.abs(values) if self.diverging else np.asarray(values))
        return 0.5 + np.copysign(place, values) / 2 if self.diverging else place

    def _place(self, size: np.ndarray) -> np.ndarray:
        size = np.asarray(size, dtype=np.float32)
        if self.kind == "percentile":
            return np.interp(size, self.stops, np.linspace(0.0, 1.0, len(self.stops)))
        if self.kind == "log":
            place = np.log(np.maximum(size, np.float32(self.low)))
            place -= np.float32(math.log(self.low))
            place /= np.float32(math.log(self.high / self.low))
        else:
            place = (size - np.float32(self.low)) / np.float32(self.high - self.low)
        return np.clip(place, 0.0, 1.0, out=place)

    def pixels(self, values: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        """uint8 palette index of each value, same shape: 1 to 255, and 0 (transparent) where not `drawn`."""
        place = self.normalise(values)
        place *= 254
        place += 1.5
        out = place.astype(np.uint8)
        out *= drawn
        return out

    def legend(self, most: int = 5) -> tuple[tuple[float, str], ...]:
        """(place 0 to 1, USD label) of the legend's ticks, ascending and far enough apart to be read."""
        most = max(most, 2)
        if self.diverging:
            half = [(place, text) for place, text in self._one_sided(max(2, (most + 1) // 2)) if place > 0]
            mirrored = [(0.5 - place / 2, f"{text} short") for place, text in reversed(half)]
            return (*mirrored, (0.5, "0"), *((0.5 + place / 2, f"{text} long") for place, text in half))
        return self._one_sided(most)

    def _one_sided(self, most: int) -> tuple[tuple[float, str], ...]:
        if self.kind == "percentile":
            shares = np.linspace(0.0, 1.0, most)
            at = np.interp(shares, np.linspace(0.0, 1.0, len(self.stops)), self.stops)
            return tuple(
                (float(share), usd(_two_digits(value)).replace("less than", "<"))
                for share, value in zip(shares, at, strict=True)
            )
        if self.kind == "log":
            ticks = _log_ticks(self.low, self.high)
        else:
            step = round_125((self.high - self.low) / most, up=True)
            ticks = [
                step * k
                for k in range(math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9) + 1)
            ]
        ticks = sorted({self.low, self.high, *ticks})
        placed = [(float(self._place(np.array([tick]))[0]), tick) for tick in ticks]
        gap = 0.7 / (most - 1)
        kept = [placed[0]]
        for place, tick in placed[1:-1]:
            # The first and the last label carry a sign as well and start at the ends of the bar.
            if place - kept[-1][0] >= gap + 0.06 * (len(kept) == 1) and 1.0 - place >= gap + 0.06:
                kept.append((place, tick))
        return tuple((place, usd(tick)) for place, tick in (*kept, placed[-1]))

    def words(self) -> str:
        """The scale in a few words for captions."""
        if self.kind == "percentile":
            return "percentile scale"
        return f"{self.kind} scale"


def colour_scale(
    values: np.ndarray | Iterable[np.ndarray],
    scale: Kind = "log",
    palette: str = "inferno",
    domain: tuple[float, float] | None = None,
    diverging: bool = False,
) -> ColourScale:
    """Fit a colour scale to the non-empty cells of one grid, or of several that shall share it.

    Parameters
    ----------
    values : USD, any shape, or a list of such arrays. Zeros are empty cells and do not count.
    scale : `log`, `linear` or `percentile`.
    domain : (low, high) USD that pin the ends; by default robust ends (5th and 99.5th percentile for log,
        0 and the 99.5th for linear), widened to 1, 2 or 5 times a power of ten.
    diverging : the values carry a sign; the palette is then the diverging one.
    """
    if scale not in SCALES:
        raise PaletteError(f"A colour scale is log, linear or percentile, not {scale!r}.")
    parts = [values] if isinstance(values, np.ndarray) else list(values)
    sizes = [np.abs(part[part != 0]) for part in parts]
    filled = np.concatenate(sizes) if sizes else np.empty(0)
    stops: tuple[float, ...] = ()
    if domain is not None:
        low, high = float(domain[0]), float(domain[1])
    elif filled.size == 0:
        low, high = _FALLBACK if scale == "log" else (0.0, _FALLBACK[1])
    else:
        low, high = _robust_ends(filled, scale)
    if scale == "percentile":
        ranked = (
            np.quantile(filled, np.linspace(0, 1, _STOPS)) if filled.size else np.linspace(low, high, _STOPS)
        )
        stops = tuple(np.clip(ranked, low, high).astype(float).tolist())
        if stops[0] == stops[-1]:
            stops = tuple(np.linspace(low, high, _STOPS).tolist())
    return ColourScale(scale, low, high, DIVERGING if diverging else palette, diverging, stops)


def _robust_ends(filled: np.ndarray, scale: Kind) -> tuple[float, float]:
    if scale == "percentile":
        low, high = float(filled.min()), float(filled.max())
        return (low, high) if high > low else (0.0, high)
    # Ends are rounded to 1-2-5 anyway, so an even sample of a full map finds the same ones for a tenth of the
    # time.
    bottom, top = np.quantile(filled[:: filled.size // _SAMPLE | 1], _QUANTILES)
    low = round_125(float(bottom), up=False) if scale == "log" else 0.0
    high = round_125(float(top), up=True)
    return (low, high) if high > low else (low, low * 10)


def round_125(value: float, up: bool) -> float:
    """The nearest of 1, 2 and 5 times a power of ten that is not below (`up`) or not above `value`."""
    power = 10.0 ** math.floor(math.log10(value))
    steps = [factor * power for factor in (1.0, 2.0, 5.0, 10.0)]
    if up:
        return min(step for step in steps if step >= value * (1 - 1e-9))
    return max(step for step in steps if step <= value * (1 + 1e-9))


def _log_ticks(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1.0, 2.0, 5.0) if high / low <= 200 else (1.0,)
    return [
        factor * 10.0**power for power in decades for factor in factors if low < factor * 10.0**power < high
    ]


def _two_digits(value: float) -> float:
    return float(f"{value:.1e}")


def _arm(hue: float, ends: tuple[float, float] = (0.22, 0.86), steps: int = 128) -> np.ndarray:
    """(steps, 3) uint8 from the centre outwards at one hue, even in lightness, as colourful as sRGB
    allows."""
    lightness = np.linspace(*ends, steps)
    angle = math.radians(hue)
    chroma = np.linspace(0.0, 0.15, 151)[:, None]
    tried = _oklab_to_linear(lightness[None, :], chroma * math.cos(angle), chroma * math.sin(angle))
    fits = ((tried >= 0.0) & (tried <= 1.0)).all(axis=-1)
    widest = np.where(fits, chroma, 0.0).max(axis=0) * np.linspace(0.35, 1.0, steps).clip(max=0.97)
    return _encoded(_oklab_to_linear(lightness, widest * math.cos(angle), widest * math.sin(angle)))


def _linear(rgb: np.ndarray) -> np.ndarray:
    """uint8 sRGB to linear light, 0 to 1."""
    part = rgb / 255.0
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def _encoded(linear: np.ndarray) -> np.ndarray:
    """Linear light to uint8 sRGB."""
    part = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 0.0) ** (1 / 2.4) - 0.055)
    return (part.clip(0.0, 1.0) * 255).round().astype(np.uint8)


def _oklab_to_linear(lightness: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """OKLab to linear sRGB, last axis red, green, blue. Matrices: B. Ottosson, "A perceptual color space",
    2020."""
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return np.stack(
        [
            4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
            -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
            -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
        ],
        axis=-1,
    )
