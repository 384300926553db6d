"""The normal distribution over columns, to nearly all digits of float64, far tails included.

The distribution: W. J. Cody, "Rational Chebyshev approximations for the error function", Mathematics of Computation 23
(1969), in the form of his ANORM of 1993. Its inverse: M. J. Wichura, "Algorithm AS 241: the percentage points of the
normal distribution", Applied Statistics 37 (1988). Coefficients run from the highest power down.
"""

from collections.abc import Sequence

import numpy as np

from evaluator.vector import Flags, Floats

_PEAK = 0.3989422804014326779  # 1 / sqrt(2 pi)

# |x| <= 0.67448975: x P(x^2) / Q(x^2) beside one half
_CENTRE = (
    (6.5682337918207449113e-2, 2.2352520354606839287, 1.6102823106855587881e2, 1.0676894854603709582e3,
     1.8154981253343561249e4),
    (1.0, 4.7202581904688241870e1, 9.7609855173777669322e2, 1.0260932208618978205e4, 4.5507789335026729956e4),
)  # fmt: skip
# |x| <= sqrt(32): exp(-x^2 / 2) P(|x|) / Q(|x|)
_FLANK = (
    (1.0765576773720192317e-8, 3.9894151208813466764e-1, 8.8831497943883759412, 9.3506656132177855979e1,
     5.9727027639480026226e2, 2.4945375852903726711e3, 6.8481904505362823326e3, 1.1602651437647350124e4,
     9.8427148383839780218e3),
    (1.0, 2.2266688044328115691e1, 2.3538790178262499861e2, 1.5193775994075548050e3, 6.4855582982667607550e3,
     1.8615571640885098091e4, 3.4900952721145977266e4, 3.8912003286093271411e4, 1.9685429676859990727e4),
)  # fmt: skip
# beyond: exp(-x^2 / 2) (1 / sqrt(2 pi) - P(1/x^2) / Q(1/x^2) / x^2) / |x|
_TAIL = (
    (2.307344176494017303e-2, 2.1589853405795699e-1, 1.274011611602473639e-1, 2.2235277870649807e-2,
     1.421619193227893466e-3, 2.9112874951168792e-5),
    (1.0, 1.28426009614491121, 4.68238212480865118e-1, 6.59881378689285515e-2, 3.78239633202758244e-3,
     7.29751555083966205e-5),
)  # fmt: skip

# |p - 1/2| <= 0.425: of 0.180625 - (p - 1/2)^2; beyond: of r = sqrt(-ln min(p, 1 - p)), up to 5 and above it
_MIDDLE = (
    (2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4, 4.5921953931549871457e4,
     1.3731693765509461125e4, 1.9715909503065514427e3, 1.3314166789178437745e2, 3.3871328727963666080),
    (5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4, 2.1213794301586595867e4,
     5.3941960214247511077e3, 6.8718700749205790830e2, 4.2313330701600911252e1, 1.0),
)  # fmt: skip
_NEAR = (
    (7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1, 1.27045825245236838258,
     3.64784832476320460504, 5.76949722146069140550, 4.63033784615654529590, 1.42343711074968357734),
    (1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2, 1.48103976427480074590e-1,
     6.89767334985100004550e-1, 1.67638483018380384940, 2.05319162663775882187, 1.0),
)  # fmt: skip
_FAR = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3, 2.65321895265761230930e-2,
     2.96560571828504891230e-1, 1.78482653991729133580, 5.46378491116411436990, 6.65790464350110377720),
    (2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5, 7.86869131145613259100e-4,
     1.48753612908506148525e-2, 1.36929880922735805310e-1, 5.99832206555887937690e-1, 1.0),
)  # fmt: skip

Coefficients = Sequence[float]


def _ratio(rational: tuple[Coefficients, Coefficients], x: Floats) -> Floats:
    above, below = np.full_like(x, rational[0][0]), np.full_like(x, rational[1][0])
    for a in rational[0][1:]:
        above = above * x + a
    for b in rational[1][1:]:
        below = below * x + b
    return above / below


def _bell(x: Floats) -> Floats:
    """``exp(-x^2 / 2)``, with the square taken in two parts so that its rounding is not multiplied."""
    size = np.minimum(np.abs(x), 40.0)
    coarse = np.trunc(size * 16.0) / 16.0
    return np.asarray(np.exp(-0.5 * coarse * coarse) * np.exp(-0.5 * (size - coarse) * (size + coarse)))


def density(x: Floats) -> Floats:
    """The standard normal density; 0 at infinity."""
    return np.where(np.abs(x) < 40.0, _PEAK * _bell(x), 0.0)


def distribution(x: Floats) -> Floats:
    """The part of the standard normal distribution at or below x; infinite x allowed."""
    size = np.abs(x)
    tail = np.zeros_like(size)  # the part beyond |x|
    flank: Flags = (size > 0.67448975) & (size <= 5.656854249492380195)
    far: Flags = (size > 5.656854249492380195) & (size < 40.0)
    if flank.any():
        tail[flank] = _bell(size[flank]) * _ratio(_FLANK, size[flank])
    if far.any():
        s = size[far]
        inverse = 1.0 / (s * s)
        tail[far] = _bell(s) * (_PEAK - inverse * _ratio(_TAIL, inverse)) / s
    found = np.where(x > 0, 1.0 - tail, tail)
    centre: Flags = size <= 0.67448975
    if centre.any():
        c = x[centre]
        found[centre] = 0.5 + c * _ratio(_CENTRE, c * c)
    return found


def quantile(p: Floats) -> Floats:
    """The x below which the part p of the standard normal distribution lies; NaN outside 0 to 1, ends excluded."""
    found = np.full_like(p, np.nan)
    q = p - 0.5
    middle: Flags = np.abs(q) <= 0.425
    outer: Flags = ~middle & (p > 0.0) & (p < 1.0)
    m = q[middle]
    found[middle] = m * _ratio(_MIDDLE, 0.180625 - m * m)
    if outer.any():
        sides = p[outer]
        r = np.sqrt(-np.log(np.minimum(sides, 1.0 - sides)))
        size = np.where(r <= 5.0, _ratio(_NEAR, r - 1.6), _ratio(_FAR, r - 5.0))
        found[outer] = np.copysign(size, q[outer])
    return found
