// Outcomes as values: what a rule refuses is data, not an exception.

export type Result<T, Reason = string> = { ok: true; value: T } | { ok: false; reason: Reason };

export const ok = <T>(value: T): { ok: true; value: T } => ({ ok: true, value });
export const refuse = <Reason>(reason: Reason): { ok: false; reason: Reason } => ({ ok: false, reason });
