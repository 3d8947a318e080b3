"""Makes pareto_nbd.json: Pareto/NBD by the published formulas in 50 digits (mpmath), and from the model's own story by double integrals.

  likelihood and P(alive): Fader & Hardie, note 009 (brucehardie.com), with two 2F1, one pair for alpha >= beta and one for alpha < beta
  story: int int Gamma(lambda; r, alpha) Gamma(mu; s, beta) * P(history | lambda, mu) dlambda dmu
  counts: P(N = n) = int nb(n; tau) f(tau) dtau + nb(n; t) P(life > t), f the Pareto density of death

python3 pareto_nbd.py > pareto_nbd.json
"""
import json
import mpmath as mp

mp.mp.dps = 50
m = mp.mpf


def a0(r, al, s, be, x, tx, T):
    e = r + s + x
    big, small, q = (al, be, s + 1) if al >= be else (be, al, r + x)
    f = lambda t: mp.hyp2f1(e, q, e + 1, (big - small) / (big + t)) / (big + t) ** e
    return f(tx) - f(T)


def history(p, x, tx, T):
    r, al, s, be = map(m, p)
    x, tx, T = m(x), m(tx), m(T)
    dead = s / (r + s + x) * a0(r, al, s, be, x, tx, T)
    alive = (al + T) ** (-r - x) * (be + T) ** (-s)
    ll = mp.loggamma(r + x) - mp.loggamma(r) + r * mp.log(al) + s * mp.log(be) + mp.log(alive + dead)
    return ll, alive / (alive + dead)


def story(p, x, tx, T):
    """The same likelihood from the individual one, lambda and mu integrated out numerically: 20 digits are enough."""
    r, al, s, be = map(m, p)
    x, tx, T = m(x), m(tx), m(T)
    with mp.workdps(20):
        gam = lambda v, k, rate: rate ** k * v ** (k - 1) * mp.e ** (-rate * v) / mp.gamma(k)
        # v = w^(1/k) removes the singularity at 0
        def inner(w):
            la = w ** (1 / r)
            jac = w ** (1 / r - 1) / r
            def g(u):
                mu = u ** (1 / s)
                j2 = u ** (1 / s - 1) / s
                tot = la + mu
                ind = la ** x * (mu / tot * mp.e ** (-tot * tx) + la / tot * mp.e ** (-tot * T))
                return gam(mu, s, be) * j2 * ind
            return gam(la, r, al) * jac * mp.quad(g, [0, m(0.2) ** s, 1, 3, 8, 20])
        return mp.log(mp.quad(inner, [0, m(0.2) ** r, 1, 3, 8, 20]))


def expected(p, x, tx, T, t):
    r, al, s, be = map(m, p)
    t, T, x = m(t), m(T), m(x)
    _, alive = history(p, x, tx, T)
    b = be + T
    mean = mp.log((b + t) / b) if s == 1 else (1 - (b / (b + t)) ** (s - 1)) / (s - 1)
    return alive * (r + x) * b / (al + T) * mean


def pmf(p, x, tx, T, t, ns):
    r, al, s, be = map(m, p)
    t = m(t)
    _, alive = history(p, x, tx, T)
    r, al, be = r + x, al + m(T), be + m(T)
    out = []
    for n in ns:
        c = mp.gamma(r + n) / mp.gamma(r) / mp.factorial(n)
        nb = lambda u: c * (al / (al + u)) ** r * (u / (al + u)) ** n
        # in u = al*(e^v - 1), panels short against every feature
        top = mp.log1p(t / al)
        cuts = [top * k / 24 for k in range(25)]
        dens = lambda v: nb(al * mp.expm1(v)) * s / be * (1 + al * mp.expm1(v) / be) ** (-s - 1) * al * mp.e ** v
        with mp.workdps(25):
            mass = mp.quad(dens, cuts) + nb(t) * (be / (be + t)) ** s
        out.append(alive * mass + (1 - alive if n == 0 else 0))
    return out


cdnow = (0.553, 10.578, 0.606, 11.669)
wide = (0.3, 40.0, 1.7, 3.0)
narrow = (5.0, 2.0, 1.0, 90.0)
equal = (0.8, 10.0, 0.6, 10.0)
histories = [
    (name, p, x, tx, T)
    for name, p in (("cdnow", cdnow), ("alpha > beta", wide), ("alpha < beta, s = 1", narrow), ("alpha = beta", equal))
    for x, tx, T in ((0, 0, 38.86), (0, 0, 0), (2, 30.43, 38.86), (1, 0.14, 38.86), (7, 38.8599, 38.86), (26, 37.0, 38.86), (300, 200, 1000), (5000, 999.9, 1000))
]
out = {
    "source": "Schmittlein, Morrison & Colombo (1987); Fader & Hardie, notes 009 and 012 (brucehardie.com)",
    "tool": "mpmath",
    "version": mp.__version__ if hasattr(mp, "__version__") else "1.3.0",
    "tolerance": 1e-12,
    "histories": [],
    "story": [],
    "counts": [],
}
for name, p, x, tx, T in histories:
    ll, alive = history(p, x, tx, T)
    out["histories"].append(
        dict(name=name, params=dict(zip(("r", "alpha", "s", "beta"), p)), x=x, t_x=tx, T=T, log_likelihood=float(ll), p_alive=float(alive),
             ln_odds_dead=None if alive == 1 else float(mp.log((1 - alive) / alive)),
             expected={str(t): float(expected(p, x, tx, T, t)) for t in (0.1, 13, 39, 520)}))
for p, x, tx, T in ((cdnow, 2, 30.43, 38.86), (cdnow, 0, 0, 38.86), (wide, 3, 10, 25), (equal, 1, 5, 30)):
    out["story"].append(dict(params=dict(zip(("r", "alpha", "s", "beta"), p)), x=x, t_x=tx, T=T, log_likelihood=float(story(p, x, tx, T))))
for p, x, tx, T, t, ns in ((cdnow, 2, 30.43, 38.86, 39, (0, 1, 2, 5, 20)), (cdnow, 0, 0, 0, 52, (0, 1, 2, 5, 20, 60)), (cdnow, 26, 37, 38.86, 39, (0, 1, 10, 26, 50)),
                           (wide, 3, 10, 25, 52, (0, 1, 3, 8)), (narrow, 40, 38, 38.86, 26, (0, 1, 20, 28, 60)), (wide, 0, 0, 0, 1000, (0, 1, 4))):
    out["counts"].append(dict(params=dict(zip(("r", "alpha", "s", "beta"), p)), x=x, t_x=tx, T=T, t=t, n=list(ns), pmf=[float(v) for v in pmf(p, x, tx, T, t, ns)]))
print(json.dumps(out, indent=1))
