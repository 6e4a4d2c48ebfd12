#!/usr/bin/env python3
"""Fits the minimax polynomials of src/numerics (Remez by Lawson weights, 50 digits) and prints them as hex floats.

Needs mpmath and numpy. The coefficients in src/numerics are this script's output.
"""
import mpmath as mp
import numpy as np

mp.mp.dps = 50


def fit(function, low, high, degree, relative_to=lambda x: mp.mpf(1), points=400, rounds=60):
    """Weighted least squares on Chebyshev points, reweighted towards the minimax error."""
    nodes = [(low + high) / 2 + (high - low) / 2 * mp.cos(mp.pi * (i + 0.5) / points) for i in range(points)]
    targets = [function(x) for x in nodes]
    scale = [1 / relative_to(x) for x in nodes]
    basis = np.array([[float(s * x**k) for k in range(degree + 1)] for x, s in zip(nodes, scale)], dtype=np.longdouble)
    values = np.array([float(s * t) for t, s in zip(targets, scale)], dtype=np.longdouble)
    weights = np.ones(points) / points
    for _ in range(rounds):
        root = np.sqrt(weights)
        coefficients, *_ = np.linalg.lstsq((basis * root[:, None]).astype(float), (values * root).astype(float), rcond=None)
        error = np.abs(basis @ coefficients - values).astype(float)
        weights = weights * error
        weights /= weights.sum()
    return coefficients, error.max()


def show(name, coefficients, error):
    print(f"// {name}: maximum error {error:.2g}, lowest power first")
    print("{" + ", ".join(float(np.float32(c)).hex().replace("0000000p", "p") + "f" for c in coefficients) + "};")


if __name__ == "__main__":
    half_ln2 = mp.log(2) / 2 * mp.mpf("1.001")
    # exp(r) = 1 + r + r² · P(r)
    show("exp", *fit(lambda r: (mp.exp(r) - 1 - r) / r**2 if r else mp.mpf(1) / 2, -half_ln2, half_ln2, 4,
                     lambda r: mp.exp(r) / max(r * r, mp.mpf("0.01"))))
    # tanh(x) = x + x · z · P(z), z = x²
    show("tanh", *fit(lambda z: (mp.tanh(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, mp.mpf("1e-6"), mp.mpf("0.625") ** 2, 5))
    # erf(x) = x + x · P(x²) on [0, 1]
    show("erf_small", *fit(lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1, mp.mpf("1e-8"), mp.mpf(1), 6))
    # log(erfc(x)) = P(x - 2) on [1, 4]
    show("erf_large", *fit(lambda t: mp.log(mp.erfc(t + 2)), mp.mpf(-1), mp.mpf(2), 8,
                           lambda t: 1 / mp.erfc(t + 2)))
