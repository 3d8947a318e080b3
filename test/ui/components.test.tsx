// Components as the markup they become: what is said in words, and what is never colour alone.
import { renderToStaticMarkup } from 'react-dom/server';
import { expect, test } from 'vitest';
import { AheadChart } from '#ui/charts/ahead-chart.tsx';
import { AliveChart } from '#ui/charts/alive-chart.tsx';
import { aliveForecast, purchaseModelOf } from '#ui/charts/forecast.ts';
import { SpendInterval } from '#ui/charts/spend-interval.tsx';
import { TrackingChart } from '#ui/charts/tracking-chart.tsx';
import { largest, whyGeometry } from '#ui/charts/why.ts';
import { WhyChart } from '#ui/charts/why-chart.tsx';
import { definitionInWords, featureWords, valueWords } from '#ui/churn-words.ts';
import { Refused } from '#ui/client.ts';
import { aliveInterval, aliveShown } from '#ui/components/customer-figures.tsx';
import { exportPath } from '#ui/components/export-table.tsx';
import { Kpi } from '#ui/components/panel.tsx';
import { BANDS, Risk } from '#ui/components/risk.tsx';
import { ErrorState } from '#ui/components/states.tsx';

test('every band has its own glyph and its word', () => {
  const seen = BANDS.map((band) => renderToStaticMarkup(<Risk band={band} />));
  expect(new Set(seen).size).toBe(4);
  expect(seen.map((markup) => markup.match(/class="o"/g)?.length ?? 0)).toEqual([3, 2, 1, 0]);
  expect(seen[3]).toContain('Severe');
});

test('a headline does not fade before it has changed', () => {
  expect(renderToStaticMarkup(<Kpi name="CLV" value={['€433', '']} interval="€0–1,074" />)).not.toContain('flash');
});

test('the tracking plot says its result in words and hatches what has no data yet', () => {
  const data = { days: ['2026-01-04', '2026-01-11'], actual: [10, 30], expected: [11, 27], truth: null };
  const markup = renderToStaticMarkup(<TrackingChart data={data} asOf="2026-01-13" width={600} height={300} />);
  expect(markup).toContain('The model expects 27, 10.0\u202f% fewer than came');
  expect(markup).toContain('<pattern');
  expect(markup).toContain('data-series="expected"');
  expect(markup).not.toContain('data-series="truth"');
  expect(markup).not.toContain('NaN');
});

test('P(alive) of a customer who leans on others is a hollow mark', () => {
  const draw = (hollow: boolean) =>
    renderToStaticMarkup(
      <AliveChart
        points={[
          { day: '2026-01-01', p_alive: 1 },
          { day: '2026-02-01', p_alive: 0.7 },
        ]}
        orders={[{ day: '2026-01-01', amount: 12 }]}
        forecast={[]}
        range={{ from: '2026-01-01', until: '2026-05-01', asOf: '2026-02-01' }}
        width={500}
        height={220}
        hollow={hollow}
      />,
    );
  expect(draw(true)).toContain('hollow');
  expect(draw(false)).not.toContain('hollow');
});

test('a P(alive) of 1 that only the model takes for granted says so under the figure', () => {
  expect(aliveInterval(1, 'P(alive) is 1 by assumption')).toBe('by assumption');
  expect(aliveInterval(1, null)).toBe('interval not estimated');
  expect(aliveInterval(null, null)).toBe('a classifier does not say');
  // A chance to leave of 1e-12 a purchase is an assumption, not a figure just below 1.
  expect(aliveShown(1 - 1e-12, 'P(alive) is 1 by assumption')).toBe(1);
  expect(aliveShown(1 - 1e-12, null)).toBe(1 - 1e-12);
  expect(aliveShown(0.9, 'another caveat')).toBe(0.9);
});

test('a whole table is exported under ids only for who may see them', () => {
  expect(exportPath('customers', 'parquet', true)).toBe('/api/export?table=customers&format=parquet&identified=true');
  expect(exportPath('customers', 'csv', false)).toBe('/api/export?table=customers&format=csv');
});

test('an interval has its words for those who hear it', () => {
  const spend = { mean: 10, p05: 0, p50: 8, p95: 30 };
  const markup = renderToStaticMarkup(<SpendInterval spend={spend} width={200} label={String} words="Mean 10" />);
  expect(markup).toContain('aria-label="Mean 10"');
});

test('a failure names its reason and the trace to quote', () => {
  const error = new Refused({
    status: 503,
    title: 'The read models do not answer',
    detail: 'connection refused',
    reason: 'tables-unavailable',
    traceId: 'abc',
  });
  const markup = renderToStaticMarkup(<ErrorState error={error} retry={() => undefined} />);
  for (const words of ['503 tables-unavailable', 'connection refused', 'Retry', 'Copy trace id'])
    expect(markup).toContain(words);
});

// probabilityAlive of the CDNOW fit (Fader, Hardie & Lee 2005) for x = 2, t_x = 30.43, T = 38.86 weeks is 0.7266.
test('the forecast in the browser is the server’s kernel', () => {
  const params = { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 };
  const model = purchaseModelOf({ model: 'clv', unit: 'week', bgNbd: { params } })!;
  expect(model).toEqual({ kind: 'bgNbd', daysPerUnit: 7, params });
  const history = { firstDay: '2026-01-01', lastDay: '2026-08-02', frequency: 2 };
  const points = aliveForecast(model, history, '2026-08-02', '2026-09-30');
  // T = 272 days = 38.857 weeks; t_x = 213 days = 30.43 weeks.
  expect(points.at(-1)!.day).toBe('2026-09-30');
  expect(points.at(-1)!.p_alive).toBeCloseTo(0.7266, 3);
  for (let i = 1; i < points.length; i++) expect(points[i]!.p_alive).toBeLessThan(points[i - 1]!.p_alive);
});

test('Pareto/NBD has its own forecast: probabilityAlive of its CDNOW fit is 0.8692', () => {
  const params = { r: 0.553, alpha: 10.578, s: 0.606, beta: 11.669 };
  const model = purchaseModelOf({ model: 'clv', unit: 'week', paretoNbd: params })!;
  expect(model).toEqual({ kind: 'paretoNbd', daysPerUnit: 7, params });
  const history = { firstDay: '2026-01-01', lastDay: '2026-08-02', frequency: 2 };
  expect(aliveForecast(model, history, '2026-08-02', '2026-09-30').at(-1)!.p_alive).toBeCloseTo(0.8692, 3);
});

test('a stored file of another kind gets no forecast', () => {
  expect(purchaseModelOf({ model: 'gamma-gamma', params: { p: 1, q: 2, v: 3 } })).toBeNull();
  expect(purchaseModelOf(null)).toBeNull();
  expect(purchaseModelOf([{ model: 'mbg-nbd', unit: 'day', params: { r: 1, alpha: 2, a: 3, b: 4 } }])?.kind).toBe(
    'mbgNbd',
  );
});

const part = (feature: string, amount: number) => ({ feature, value: '1', amount });

test('the bars of a score add up to all of it, small ones in one row, and each says its direction three times', () => {
  const parts = [part('a', 0.8), part('b', -0.5), part('c', 0.2), part('d', -0.1), part('e', 0.001)];
  const shown = largest(parts, 3);
  expect(shown.map(({ feature }) => feature)).toEqual(['a', 'b', '2 others']);
  expect(shown.reduce((sum, { amount }) => sum + amount, 0)).toBeCloseTo(0.4, 12);
  expect(largest(parts, 9)).toHaveLength(4);
  const { rows, axis } = whyGeometry(shown, 500);
  for (const { amount, bar, label } of rows) {
    expect(amount > 0 ? bar.x : bar.x + bar.width).toBeCloseTo(axis, 6);
    expect(label.anchor).toBe(amount > 0 ? 'start' : 'end');
    expect(bar.x + bar.width).toBeLessThanOrEqual(500);
  }
  expect(rows[0]!.bar.width / rows[1]!.bar.width).toBeCloseTo(0.8 / 0.5, 6);
  const markup = renderToStaticMarkup(<WhyChart parts={shown} width={500} words="made of" />);
  expect(markup).toContain('class="lowers"');
  expect(markup).toContain('−0.50');
  expect(markup).toContain('raises risk');
  for (const only of [0.3, -0.3])
    expect(renderToStaticMarkup(<WhyChart parts={[part('a', only)]} width={300} words="w" />)).not.toContain('NaN');
});

test('the curve of a contract is a staircase that ends where nobody was observed any longer', () => {
  const points = [
    { days: 0, p_stays: 1 },
    { days: 31, p_stays: 0.9 },
    { days: 120, p_stays: 0.9 },
  ];
  const markup = renderToStaticMarkup(<AheadChart points={points} horizonDays={30} width={500} height={236} />);
  expect(markup).toContain('Still under contract in 120 days: 90.0\u202f%.');
  expect(markup).toContain('30 d');
  const path = markup.match(/d="([^"]*)" data-series="stays"/)![1]!;
  // Straight ahead, then straight down: no sloping line between two days.
  const [from, along, down] = path
    .slice(1)
    .split('L')
    .map((pair) => pair.split(',').map(Number));
  expect(along![1]).toBe(from![1]);
  expect(down![0]).toBe(along![0]);
});

test('what churn means is said in words, and a feature has a name for people', () => {
  const contract = { kind: 'contractual' as const, horizon_days: 30, grace_days: 7, active_within_days: null };
  expect(definitionInWords(contract)).toBe(
    'Lost means here: every subscription ends within 30 days and none begins within 7 days after.',
  );
  const shop = { kind: 'non-contractual' as const, horizon_days: 90, grace_days: 0, active_within_days: 365 };
  expect(definitionInWords(shop)).toBe(
    'Lost means here: no purchase within 90 days. Asked of who bought in the last 365 days.',
  );
  expect(featureWords('subscription_tenure_days')).toBe('Subscription tenure');
  expect(featureWords('attribute:OnlineBackup')).toBe('OnlineBackup');
  expect([valueWords(60, 'days'), valueWords(3.2, 'ratio'), valueWords(null, 'days'), valueWords('DSL', null)]).toEqual(
    ['60\u202fd', '3.20×', 'not known', 'DSL'],
  );
});
