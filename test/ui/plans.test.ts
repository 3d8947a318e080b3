// Plans and rules as they are typed: what a form says becomes what the API takes, and back, without a loss.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RULE_NAMES, type RuleSettings, rulesInForce } from '#domain/deployment-rules.ts';
import { momentsOf } from '#processors/schedules/cron.ts';
import { countOf, defaultDraft, draftOf, type Rules, settingsOf } from '#ui/gate-rules.ts';
import { formOf } from '#ui/job-forms.ts';
import { bodyOf, initialValues } from '#ui/job-values.ts';
import { kindOf, knownOf, lackingWords, suited } from '#ui/people.ts';
import { cronOf, momentIn, neededFor, type When, whenOf, whenWords } from '#ui/schedules.ts';

const two = (value: number) => String(value).padStart(2, '0');
const time = fc.tuple(fc.nat(23), fc.nat(59)).map(([hour, minute]) => `${two(hour)}:${two(minute)}`);
const when = fc.record({
  rhythm: fc.constantFrom('day' as const, 'workday' as const, 'week' as const, 'month' as const),
  time,
  weekday: fc.nat(6).map(String),
  day: fc.integer({ min: 1, max: 31 }).map(String),
  cron: fc.constant(''),
});

test('what is chosen is an expression that the server reads, and is shown again as it was chosen', () => {
  fc.assert(
    fc.property(when, (chosen: When) => {
      const cron = cronOf(chosen);
      expect(momentsOf(cron, 'UTC').ok).toBe(true);
      const again = whenOf(cron);
      expect(again).toMatchObject({ rhythm: chosen.rhythm, time: chosen.time });
      if (chosen.rhythm === 'week') expect(again.weekday).toBe(chosen.weekday);
      if (chosen.rhythm === 'month') expect(again.day).toBe(chosen.day);
      expect(cronOf(again)).toBe(cron);
    }),
  );
});

test('what there are no words for stays as it was written', () => {
  for (const cron of ['*/15 8-18 * * 1-5', '0 3 1 1 *', '0 3 * * 1,4', '0 3 L * *', 'at dawn', '0 0 3 * * *'])
    expect([whenOf(cron).rhythm, cronOf(whenOf(cron)), whenWords(cron)]).toEqual(['own', cron, `At ${cron}`]);
  expect(['0 3 * * *', '30 4 * * 3', '0 5 22 * *', '0 5 11 * *', '5 0 * * 1-5'].map(whenWords)).toEqual([
    'Each day at 03:00',
    'Each Wednesday at 04:30',
    'On the 22nd of each month at 05:00',
    'On the 11th of each month at 05:00',
    'Monday to Friday at 00:05',
  ]);
});

test('a moment is told in the plan’s zone, summer and winter apart', () => {
  expect(momentIn('2026-09-21T00:00:00Z', 'Europe/Sofia')).toBe('Mon 21 Sep 2026, 03:00 GMT+3');
  expect(momentIn('2026-11-23T01:00:00Z', 'Europe/Sofia')).toBe('Mon 23 Nov 2026, 03:00 GMT+2');
  expect(momentIn('2026-11-23T01:00:00Z', 'UTC')).toBe('Mon 23 Nov 2026, 01:00 UTC');
});

test('a plan needs what its job needs, and what its parameters need besides', () => {
  const plain = { kind: 'score', params: {} };
  const named = { kind: 'score', params: { identified: true } };
  expect(neededFor(plain, [])).toBe('customer:read');
  expect(neededFor(named, ['customer:read'])).toBe('customer:read-identified');
  expect(neededFor({ kind: 'train', params: { deploy: true } }, ['model:write'])).toBe('model:deploy');
  expect(neededFor({ kind: 'dance', params: {} }, [])).toBe('score:read');
});

/** As the API shows them. */
function shown(settings: RuleSettings): Rules {
  const [now, byDefault] = [rulesInForce(settings), rulesInForce({})];
  const rules = RULE_NAMES.map(
    (name) => [name, { says: name, ...now.rules[name], default: byDefault.rules[name] }] as const,
  );
  return { ...now, rules: Object.fromEntries(rules), default: byDefault, settings };
}
const settings: RuleSettings = {
  rules: { 'score-shift': { limit: 0.25, watch: 1 }, 'taken-back': { limit: null } },
  offer: { cost: 5, benefit: 60 },
  least: { scores: 1000 },
};

test('rules as they are typed are the settings they were shown from; by default nothing is kept', () => {
  const rules = shown(settings);
  expect(settingsOf(draftOf(rules), rules)).toEqual({ settings, bad: [] });
  expect(settingsOf(defaultDraft(rules), rules)).toEqual({ settings: {}, bad: [] });
  expect([countOf(settings), countOf({})]).toEqual([5, 0]);
});

test('an empty field is the default; what is no number of its kind is named and not sent', () => {
  const rules = shown(settings);
  const draft = draftOf(rules);
  const typed = {
    rules: {
      ...draft.rules,
      'score-shift': { limit: '', watch: 'much' },
      'taken-back': { limit: '0', watch: null },
    },
    offer: { cost: '0', benefit: '60' },
    least: { minutes: '', scores: '1.5' },
  };
  expect(settingsOf(typed, rules)).toEqual({
    settings: { offer: { cost: 1, benefit: 60 } },
    bad: ['score-shift watch', 'offer cost', 'least scores'],
  });
});

describe('a form begins with what the workspace has', () => {
  const people = (buyers: number, subscribers: number) => ({ buyers, subscribers });
  const begun = (kind: string, known: ReturnType<typeof people>) => {
    const form = suited(formOf(kind), known);
    return { form, body: bodyOf(form, initialValues(form, null)) };
  };
  const off = ({ form }: ReturnType<typeof begun>, field: string) =>
    form.fields.find(({ name }) => name === field)!.off ?? [];

  test('subscribers alone: their classifier, their churn; what needs purchases says so and cannot be chosen', () => {
    const train = begun('train', people(0, 2_000));
    expect(train.body).toMatchObject({ kind: 'churn-logistic', definition: 'contractual' });
    expect([off(train, 'kind'), off(train, 'definition')]).toEqual([['clv'], ['non-contractual']]);
    const { options } = train.form.fields.find(({ name }) => name === 'kind')!;
    expect(JSON.stringify(options)).toContain('Gamma-Gamma (nobody has bought)');
    expect(lackingWords(train.form, people(0, 2_000))).toMatch(/^Lifetime value.*Nobody here has bought/);
    const backtest = begun('backtest', people(0, 2_000));
    expect(backtest.body).toMatchObject({ model: 'churn' });
    expect(off(backtest, 'model')).toEqual(['clv', 'bg-nbd', 'mbg-nbd', 'pareto-nbd']);
  });

  test('buyers alone: as ever, without survival', () => {
    const train = begun('train', people(300, 0));
    expect(train.body).toMatchObject({ kind: 'churn-logistic', definition: 'non-contractual' });
    expect([off(train, 'kind'), off(train, 'definition')]).toEqual([['churn-cox'], ['contractual']]);
    expect(lackingWords(train.form, people(300, 0))).toMatch(/^Survival.*Nobody here has one/);
    expect(begun('backtest', people(300, 0)).body).toMatchObject({ model: 'clv', horizon_days: 90 });
  });

  test('both: all can be chosen, and it begins with whom there are more of', () => {
    for (const [buyers, subscribers, definition] of [
      [300, 20, 'non-contractual'],
      [20, 300, 'contractual'],
    ] as const) {
      const train = begun('train', people(buyers, subscribers));
      expect(train.body).toMatchObject({ definition });
      expect([off(train, 'kind'), off(train, 'definition')]).toEqual([[], []]);
      expect(lackingWords(train.form, people(buyers, subscribers))).toBeNull();
      expect(begun('backtest', people(buyers, subscribers)).body).toMatchObject({ model: 'clv' });
    }
  });

  test('nobody yet: nothing is barred, and it says what to do; forms that ask of neither stay as they are', () => {
    const train = begun('train', people(0, 0));
    expect(off(train, 'kind')).toEqual([]);
    expect(lackingWords(train.form, people(0, 0))).toContain('Import purchases or subscriptions first');
    expect([lackingWords(formOf('evaluate'), people(0, 0)), begun('evaluate', people(0, 9)).body]).toEqual([
      null,
      begun('evaluate', people(9, 0)).body,
    ]);
  });

  test('where nobody has bought, a scoring does not ask how lifetime value is to be computed', () => {
    const ofValue = ['months', 'quantiles', 'discount_monthly'];
    const asked = (buyers: number, subscribers: number) =>
      begun('score', people(buyers, subscribers)).form.fields.flatMap(({ name }) =>
        ofValue.includes(name) ? [name] : [],
      );
    expect(asked(0, 9)).toEqual([]);
    for (const [buyers, subscribers] of [
      [9, 0],
      [9, 9],
      [0, 0],
    ] as const)
      expect(asked(buyers, subscribers)).toEqual(ofValue);
    expect(begun('score', people(0, 9)).body).not.toHaveProperty('months');
    expect(lackingWords(formOf('score'), people(0, 9))).toBeNull();
  });

  test('asked again it is what was asked, with the API’s own default where nothing was said', () => {
    const form = suited(formOf('train'), people(0, 2_000));
    const again = (given: Record<string, unknown>) => bodyOf(form, initialValues(form, given));
    expect(again({ kind: 'churn-logistic' }).definition).toBe('non-contractual');
    expect(again({ kind: 'churn-logistic', definition: 'contractual' }).definition).toBe('contractual');
    expect(again({ kind: 'churn-cox' })).not.toHaveProperty('definition');
  });

  test('fewer than ten count as some', () => {
    expect(knownOf({ buyers: null, subscribers: 0 })).toEqual(people(1, 0));
    expect([people(1, 0), people(0, 1), people(1, 1), people(0, 0)].map(kindOf)).toEqual([
      'buyers',
      'subscribers',
      'both',
      null,
    ]);
  });
});
