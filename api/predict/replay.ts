// A score computed again from its id: the log as it stood, the customer's history at that moment, the very model, the same kernels. What
// was given is compared bit for bit.
import { CLV_COLUMNS } from '#domain/models/clv-columns.ts';
import { dayOf } from '#domain/time.ts';
import { COLUMN_FLAG } from '#projections/memory/columns.ts';
import { emptyHistory } from '#projections/memory/history.ts';
import { createScoreIds, type ScoreQuestion } from '#streams/keyring/score-id.ts';
import type { Deps } from '../deps.ts';
import { Problem } from '../problem.ts';
import { isoOf, type Moment } from './as-of.ts';
import { type ChurnPredictions, createChurnPredictions } from './churn.ts';
import type { Predictions } from './service.ts';
import { orProblem } from './subjects.ts';

export const VERDICTS = [
  'same',
  'different',
  /** Computed again; nothing was given to compare with. */
  'replayed',
  'erased',
  'not-a-score',
  /** Signed here, but this log (or this set of artefacts) does not hold what it was computed from. */
  'not-in-log',
] as const;
export type Verdict = (typeof VERDICTS)[number];

type Answer = ReturnType<Predictions['churn']> | ReturnType<Predictions['clv']> | ReturnType<ChurnPredictions['again']>;

export interface Replay {
  verdict: Verdict;
  detail: string;
  replayed: Answer | null;
  differences: { name: string; given: number | null; replayed: number | null }[];
  /** Names of the values that were compared. */
  compared: string[];
}

const COMPARED = {
  churn: ['p_churn', 'p_churn_raw', 'p_alive', 'expected_purchases', 'horizon_days'],
  clv: [...CLV_COLUMNS, 'months', 'horizon_days', 'discount_monthly'],
} as const;
/** What a bare value is taken for. */
const MAIN = { churn: 'p_churn', clv: 'clv_mean' } as const;

/** @returns a function of a score id and what its answer said. @param given by the answer's own names; others are passed over. */
export function createReplay(deps: Deps, predictions: Predictions) {
  const ids = createScoreIds(deps.signingKey);
  const churn = createChurnPredictions(deps, predictions);
  const row = emptyHistory();
  const none = (verdict: Verdict, detail: string): Replay => ({
    verdict,
    detail,
    replayed: null,
    differences: [],
    compared: [],
  });

  return async (scoreId: string, given: Record<string, number | null>, value: number | undefined): Promise<Replay> => {
    const read = ids.read(scoreId);
    if (!read.ok)
      return none(
        'not-a-score',
        read.reason === 'earlier-version'
          ? 'this id was given by an earlier version, which did not write down what was predicted; ask for the prediction again'
          : 'this is no id that this workspace has signed: it was altered, cut, or is of another workspace',
      );
    const { digest, sid, seq, at, clock, question } = read.value;
    const here = predictions.now();
    const place = deps.columns.rowOf(sid);
    if (seq > here.seq || place < 0)
      return none(
        'not-in-log',
        `the log ends at ${here.seq} and does not hold what this score was computed from at ${seq}`,
      );
    if (deps.columns.read(place, row) && (row.flags & COLUMN_FLAG.erased) !== 0)
      return none('erased', 'the customer was erased, and with that everything the score was computed from');
    const serving = deps.deployedModels().find((each) => each.digest.startsWith(digest));
    const churnModel = deps.deployedChurnModels().find((each) => each.digest.startsWith(digest));
    if (!serving && !churnModel)
      return none('not-in-log', `no model with the digest ${digest}… was ever in force here`);
    const offsets = deps.clock().offsetsAt(seq);
    const moment: Moment = { seq, at, atText: isoOf(at), day: dayOf(at, offsets), clock, past: true };
    const [view] = await deps.ledgers.past([sid], seq);
    const subject = predictions.subjectOfView(sid, view ?? null, moment);
    if (subject === null) return none('not-in-log', `nothing was known of the customer at ${seq} on that day`);
    const answer = orProblem(() =>
      serving
        ? again(predictions, { moment, serving, canary: null }, subject, question)
        : churn.again(moment, subject, view!, churnModel!, (question as { horizonDays: number }).horizonDays),
    );
    if (answer instanceof Problem)
      return none('different', `the model refuses now what it answered then: ${answer.message}`);

    const values: Record<string, number | null> =
      value === undefined ? given : { ...given, [MAIN[question.kind]]: value };
    const compared = COMPARED[question.kind].filter((name) => values[name] !== undefined);
    const replayed = answer as unknown as Record<string, number | null>;
    const differences = compared
      .filter((name) => !Object.is(values[name], replayed[name]))
      .map((name) => ({ name, given: values[name]!, replayed: replayed[name]! }));
    const where = `${(serving ?? churnModel)!.id} on the log at ${seq}, ${moment.atText}`;
    const verdict = compared.length === 0 ? 'replayed' : differences.length === 0 ? 'same' : 'different';
    const detail = {
      replayed: `computed again by ${where}; nothing was given to compare with`,
      same: `${compared.length} values are the same, bit for bit, by ${where}`,
      different: `${differences.length} of ${compared.length} values are not what ${where} gives`,
    }[verdict];
    return { verdict, detail, replayed: answer, differences, compared: [...compared] };
  };
}

function again(
  predictions: Predictions,
  at: Parameters<Predictions['churn']>[0],
  subject: Parameters<Predictions['churn']>[1],
  question: ScoreQuestion,
): Answer {
  return question.kind === 'churn'
    ? predictions.churn(at, subject, question.horizonDays)
    : predictions.clv(at, subject, question);
}
