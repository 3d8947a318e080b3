import type { ClvCovariance, ClvModel } from '#domain/models/clv-model.ts';

/** Fader, Hardie & Lee (2005), CDNOW, weeks; Fader & Hardie's Gamma-Gamma note, same data. */
export const CDNOW_MODEL: ClvModel = {
  model: 'clv',
  unit: 'week',
  bgNbd: { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 },
  gammaGamma: { p: 6.25, q: 3.74, v: 15.44 },
};
/** One rate for all and nobody leaves, as few data bring it (domain/models/simpler-purchases.ts). */
export const NOBODY_LEAVES: ClvModel = {
  model: 'clv',
  unit: 'week',
  bgNbd: { r: 1e6, alpha: 1e7, a: 1e-6, b: 1e6 },
  gammaGamma: { p: 6.25, q: 3.74, v: 15.44 },
};
/** Covariance of the ln-parameters of the same fits, rounded. */
export const CDNOW_COVARIANCE: ClvCovariance = {
  purchases: [
    [0.002679, 0.003462, -0.000457, 0.000112],
    [0.003462, 0.007344, -0.000819, 0.000983],
    [-0.000457, -0.000819, 0.054865, 0.064053],
    [0.000112, 0.000983, 0.064053, 0.084549],
  ],
  money: [
    [0.036247, -0.009911, -0.049747],
    [-0.009911, 0.006005, 0.017153],
    [-0.049747, 0.017153, 0.07252],
  ],
};
