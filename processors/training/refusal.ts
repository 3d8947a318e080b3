// Why a model cannot be made of these data: a code for programs, a sentence for people (what is missing, how far, what to do).

export type RefusalCode =
  | 'too-little-data'
  | 'one-class'
  | 'separation'
  | 'collinearity'
  | 'no-convergence'
  | 'horizon-too-long'
  | 'unknown-definition'
  | 'unknown-feature-set'
  | 'unknown-feature'
  | 'other-horizon';

export interface Refusal {
  code: RefusalCode;
  message: string;
}

export const refusal = (code: RefusalCode, message: string): { ok: false; reason: Refusal } => ({
  ok: false,
  reason: { code, message },
});
