// Plans and rules as they are typed: what a form says becomes what the API takes, and back, without a loss.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RULE_NAMES, type RuleSettings, rulesInForce } from '#domain/deployment-rules.ts';
import { momentsOf } from '#processors/schedules/cron.ts';
import { countOf, defaultDraft, draftOf, type Rules, settingsOf } from '#ui/gate-rules.ts';
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
