// The gate before a fitted model is put in force without a person looking at it (facts §9): a model that cannot hold is kept in the registry
// and told about; whoever knows better deploys it by hand.
import type { Diagnostic } from '#domain/models/fit.ts';
import { UNDETERMINED } from '#domain/models/rivals.ts';

const COULD_BE_OTHERS =
  'so its parameters, and the answers beyond these data, could as well be others; import a longer history or more customers';

/** Findings under which the purchase model's answers mean nothing, or something else than they say, causes first; and what to do where they do
 *  not tell. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  ['contract-like', ''],
  ['clock-like', ''],
  ...UNDETERMINED.map((code) => [code, COULD_BE_OTHERS] as const),
]);

/** The finding that keeps a model from being deployed by itself. @param diagnostics of the purchase model and its checks, not of money. */
export function refusedFor(diagnostics: readonly Diagnostic[]): Diagnostic | null {
  for (const [code, advice] of REFUSED) {
    const found = diagnostics.find((each) => each.code === code);
    if (found) return { code, message: advice === '' ? found.message : `${found.message}, ${advice}` };
  }
  return null;
}
