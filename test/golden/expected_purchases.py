"""Makes expected_purchases.json: E[purchases within t] of a living customer of BG/NBD, by Euler's transform of Fader, Hardie & Lee (2005), eq. 10,
summed in 260 digits, so that its cancellation costs nothing. Corners where hardly anybody leaves, or nobody buys, or everybody does.

python3 expected_purchases.py > expected_purchases.json      (mpmath 1.3.0)
"""
import json

import mpmath as mp

mp.mp.dps = 260
ALPHA = 10


def expected(r, a, b, t):
    k = mp.mpf(t) / ALPHA
    r, a, b = map(mp.mpf, (r, a, b))
    z, c, L = k / (1 + k), a + b - 1, -mp.log1p(k)
    term = total = (c - r) * z
    n = 1
    while abs(term) > abs(total) * mp.mpf(10) ** -60:
        term *= (c - r + n) * (a + n - 1) * z / ((c + n) * (n + 1))
        total += term
        n += 1
    power = (a - 1) * L
    return -c * mp.expm1(power) / (a - 1) - mp.exp(power) * total


rows = [
    [r, ALPHA, a, b, t, mp.nstr(expected(r, a, b, t), 17)]
    for r in (0.05, 0.83, 60.8, 400)
    for a in (1e-6, 0.0034, 0.2, 0.3, 3)
    for b, t in ((0.5, 9), (6.7, 54), (56, 3), (56, 500), (1e6, 54))
]
head = {
    "source": "Fader, Hardie & Lee (2005), eq. 10, for a living customer",
    "tool": "mpmath",
    "version": "1.3.0",
    "columns": ["shape", "rate", "a", "b", "t", "expected"],
    "tolerance": 5e-12,
}
lines = ",\n".join("    " + json.dumps(row) for row in rows)
print(json.dumps(head, indent=2)[:-2] + ',\n  "rows": [\n' + lines + "\n  ]\n}")
