"""Reference values of test/golden/special_functions.json: Gamma, beta and incomplete beta at 50 digits.

python3 special_functions.py > special_functions.json      (mpmath 1.3.0)
"""
import json
import random

import mpmath as mp

mp.mp.dps = 50
random.seed(47)

gamma = []
for _ in range(120):
    x = 10 ** random.uniform(-6, 6)
    gamma.append([x, float(mp.loggamma(x)), float(mp.psi(0, x)), float(mp.psi(1, x))])

rising = []
for _ in range(60):
    z, k = 10 ** random.uniform(-4, 6), int(10 ** random.uniform(0, 3.5))
    rising.append([
        z, k, float(mp.loggamma(mp.mpf(z) + k) - mp.loggamma(z)),
        float(mp.psi(0, mp.mpf(z) + k) - mp.psi(0, z)), float(mp.psi(1, mp.mpf(z) + k) - mp.psi(1, z)),
    ])

beta = []
while len(beta) < 300:
    a, b = 10 ** random.uniform(-2, 3.3), 10 ** random.uniform(-2, 3.3)
    x = a / (a + b) * (1 + random.gauss(0, 1) / (1 + a) ** 0.5) if random.random() < 0.7 else random.random()
    x = min(max(x, 1e-12), 1 - 1e-12)
    y = 1 - x
    x = 1 - y  # x and y exact complements
    lower = mp.betainc(a, b, 0, mp.mpf(x), regularized=True)
    upper = mp.betainc(b, a, 0, mp.mpf(y), regularized=True)
    if abs(lower + upper - 1) > mp.mpf(10) ** -30:
        continue  # the reference itself has not converged
    beta.append([a, b, x, y, float(mp.log(mp.beta(a, b))), float(lower), float(upper)])

print(json.dumps({
    "source": "mpmath 1.3.0 at 50 digits; special_functions.py",
    "gamma": {"columns": ["x", "lnGamma", "digamma", "trigamma"], "rows": gamma},
    "rising": {"columns": ["z", "k", "lnRising", "digammaRise", "trigammaRise"], "rows": rising},
    "beta": {"columns": ["a", "b", "x", "y", "lnBeta", "lower", "upper"], "rows": beta},
}))
