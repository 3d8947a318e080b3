// The pictures of a churn score, each with its table: reliability, ROC, precision against recall, lift and profit.
import { shownBins } from '../../charts/reliability.ts';
import { ReliabilityChart } from '../../charts/reliability-chart.tsx';
import { XyChart } from '../../charts/xy-chart.tsx';
import { count, counted, money, percent } from '../../format.ts';
import type { Verdict } from '../../job-results.ts';
import { ChartPanel } from '../chart-panel.tsx';
import { Panel } from '../panel.tsx';
import { State } from '../states.tsx';

type Span = 'c6' | 'c12';
const HEIGHT = 300;
const whole = (share: number): string => String(Math.round(share * 100));

export function Missing({ title, why, span = 'c6' }: { title: string; why: string; span?: Span }) {
  return (
    <Panel title={title} span={span}>
      <State icon="info" title="Not to be had">
        <p>{why}</p>
      </State>
    </Panel>
  );
}

export function ReliabilityPanel(props: {
  metrics: Verdict;
  days: number | null;
  unit: string;
  height?: number;
  span?: Span;
}) {
  const { metrics, days } = props;
  const bins = metrics.reliability;
  if (bins === null || shownBins(bins).shown.length === 0)
    return (
      <Missing
        title="Reliability"
        why={metrics.undefined.reliability ?? 'No bin holds ten customers.'}
        {...(props.span && { span: props.span })}
      />
    );
  const { hidden } = shownBins(bins);
  const within = days === null ? '' : ` in ${days} d`;
  return (
    <ChartPanel
      title="Reliability"
      unit={props.unit}
      span={props.span ?? 'c6'}
      height={props.height ?? 420}
      file="reliability.csv"
      definition="Customers are put into bins by what was predicted of them; in each, the share that was really lost stands against the mean prediction. On the dashed diagonal a prediction means what it says. Whiskers are 95 % Wilson intervals: one that crosses the diagonal is no proof against the bin."
      table={{
        head: ['predicted', 'observed', 'lower', 'upper', 'n'],
        rows: bins.map(({ meanScore, rate, lower, upper, n }) => [meanScore, rate, lower, upper, n]),
        show: (value, column) => (column === 4 ? count(Number(value)) : percent(Number(value))),
      }}
      chart={(size) => (
        <ReliabilityChart bins={bins} xTitle={`predicted churn${within}, %`} yTitle="observed churn, %" {...size} />
      )}
      foot={
        <>
          <span className="t3">
            Hollow: under 50 customers{hidden > 0 ? ` · ${counted(hidden, 'bin')} under 10 not shown` : ''}
          </span>
          <span className="sp" />
          <span className="t3">n {count(metrics.n)}</span>
        </>
      }
    />
  );
}
/** What knowing nothing would bring. */
const diagonal = (name: string) => ({
  name,
  style: 'dashed' as const,
  colour: 6 as const,
  points: [
    { x: 0, y: 0 },
    { x: 1, y: 1 },
  ],
  unlabelled: true,
});

export function RocPanel({ metrics }: { metrics: Verdict }) {
  const { roc, auc } = metrics;
  if (!roc || auc === null)
    return <Missing title="ROC" why={metrics.undefined.roc ?? 'The curve was not kept with these figures.'} />;
  const points = roc.map(({ falsePositiveRate: x, truePositiveRate: y }) => ({ x, y }));
  return (
    <ChartPanel
      title="ROC"
      unit="% of the lost found, against % of the kept bothered"
      span="c6"
      height={HEIGHT}
      file="roc.csv"
      definition="For every threshold: how many of those who were lost lie above it, and how many of those who stayed. The area under it (AUC) is the probability that somebody lost was ranked above somebody kept."
      table={{
        head: ['threshold', 'kept above it', 'lost above it'],
        rows: roc.map(({ threshold, falsePositiveRate, truePositiveRate }) => [
          threshold,
          falsePositiveRate,
          truePositiveRate,
        ]),
        show: (value) => (value === null ? 'all' : percent(Number(value))),
      }}
      chart={(size) => (
        <XyChart
          {...size}
          label="ROC"
          words={`ROC curve with an area of ${auc.toFixed(3)}, 95 % interval ${metrics.aucLower?.toFixed(3)} to ${metrics.aucUpper?.toFixed(3)}.`}
          x={{ domain: [0, 1], label: whole, title: 'kept above the threshold, %' }}
          y={{ domain: [0, 1], label: whole, title: 'lost above it, %' }}
          title={(x) => `${percent(x)} of the kept above`}
          lines={[{ name: 'model', style: 'solid', colour: 1, points }, diagonal('chance')]}
        />
      )}
      foot={
        <>
          <span>
            AUC <b className="m">{auc.toFixed(3)}</b>{' '}
            {metrics.aucLower !== null && metrics.aucUpper !== null && (
              <span className="iv">
                {metrics.aucLower.toFixed(3)}–{metrics.aucUpper.toFixed(3)}
              </span>
            )}
          </span>
          <span className="sp" />
          <span className="t3">n {count(metrics.n)}</span>
        </>
      }
    />
  );
}

export function PrecisionRecallPanel({ metrics }: { metrics: Verdict }) {
  const { precisionRecall: curve, prevalence } = metrics;
  if (!curve || prevalence === null)
    return (
      <Missing
        title="Precision and recall"
        why={metrics.undefined.precisionRecall ?? 'The curve was not kept with these figures.'}
      />
    );
  return (
    <ChartPanel
      title="Precision and recall"
      unit="% of those named who were lost"
      span="c6"
      height={HEIGHT}
      file="precision-recall.csv"
      definition="For every threshold: of those above it, how many were lost (precision), and of all who were lost, how many are above it (recall). Whoever names customers at random gets the dashed rate."
      table={{
        head: ['threshold', 'recall', 'precision'],
        rows: curve.map(({ threshold, recall, precision }) => [threshold, recall, precision]),
        show: (value) => percent(Number(value)),
      }}
      chart={(size) => (
        <XyChart
          {...size}
          label="Precision and recall"
          words={`Precision falls from ${percent(curve[0]?.precision ?? null)} to ${percent(curve.at(-1)?.precision ?? null)} as recall rises; at random it is ${percent(prevalence)}.`}
          x={{ domain: [0, 1], label: whole, title: 'recall, %' }}
          y={{ domain: [0, 1], label: whole, title: 'precision, %' }}
          title={(x) => `recall ${percent(x)}`}
          lines={[
            {
              name: 'model',
              style: 'solid',
              colour: 1,
              // Steps: precision holds back to the recall before.
              points: curve.flatMap(({ recall, precision }, i) => [
                { x: curve[i - 1]?.recall ?? 0, y: precision },
                { x: recall, y: precision },
              ]),
            },
            {
              name: 'rate',
              style: 'dashed',
              colour: 6,
              points: [
                { x: 0, y: prevalence },
                { x: 1, y: prevalence },
              ],
              unlabelled: true,
            },
          ]}
        />
      )}
      foot={
        <>
          <span>
            Average precision <b className="m">{metrics.averagePrecision?.toFixed(3) ?? '–'}</b>{' '}
            {metrics.averagePrecisionLower !== null && metrics.averagePrecisionUpper !== null && (
              <span className="iv">
                {metrics.averagePrecisionLower.toFixed(3)}–{metrics.averagePrecisionUpper.toFixed(3)}
              </span>
            )}
          </span>
          <span className="t3">rate {percent(prevalence)}</span>
          <span className="sp" />
          <span className="t3">n {count(metrics.n)}</span>
        </>
      }
    />
  );
}

export function GainPanel({ metrics }: { metrics: Verdict }) {
  const { gain } = metrics;
  if (!gain)
    return <Missing title="Lift" why={metrics.undefined.gain ?? 'The curve was not kept with these figures.'} />;
  const tenth = gain.find(({ share }) => share >= 0.1);
  return (
    <ChartPanel
      title="Lift"
      unit="% of the lost, by % of customers contacted"
      span="c6"
      height={HEIGHT}
      file="lift.csv"
      definition="Customers are contacted in the order of their score: how many of all who would be lost are among them. Lift is that over what as many contacts at random would find."
      table={{
        head: ['contacted', 'score from', 'lost among them', 'rate of this step', 'lift'],
        rows: gain.map(({ share, threshold, captured, rate, lift }) => [share, threshold, captured, rate, lift]),
        show: (value, column) => (column === 4 ? Number(value).toFixed(2) : percent(Number(value))),
      }}
      chart={(size) => (
        <XyChart
          {...size}
          label="Lift"
          words={`The tenth with the highest scores holds ${percent(tenth?.captured ?? null)} of those who were lost.`}
          x={{ domain: [0, 1], label: whole, title: 'contacted, % in the order of the score' }}
          y={{ domain: [0, 1], label: whole, title: 'of the lost, %' }}
          title={(x) => `${percent(x, 0)} contacted`}
          lines={[
            {
              name: 'model',
              style: 'solid',
              colour: 1,
              points: [{ x: 0, y: 0 }, ...gain.map(({ share, captured }) => ({ x: share, y: captured }))],
            },
            diagonal('at random'),
          ]}
        />
      )}
      foot={
        <>
          <span>
            Top tenth: lift <b className="m">{metrics.liftTopDecile?.toFixed(2) ?? '–'}</b>
          </span>
          <span className="sp" />
          <span className="t3">n {count(metrics.n)}</span>
        </>
      }
    />
  );
}

export function ProfitPanel({
  metrics,
  offer,
  currency,
}: {
  metrics: Verdict;
  offer: { cost: number; benefit: number } | null;
  currency: string;
}) {
  const { profit } = metrics;
  if (!profit || !offer)
    return (
      <Missing
        title="Profit"
        why="What an offer costs and brings was not told: evaluate the version with both, and the curve stands here."
      />
    );
  const { best, everyone, breakEven, points } = profit;
  const shown = (value: number) => money(value, currency, 'axis');
  return (
    <ChartPanel
      title="Profit"
      unit={`an offer at ${money(offer.cost, currency, 'estimate')}, somebody kept worth ${money(offer.benefit, currency, 'estimate')}`}
      span="c6"
      height={HEIGHT}
      file="profit.csv"
      definition="What contacting the customers with the highest scores would have earned: the worth of each who would have been lost, if the offer keeps them, less what the offers cost. It supposes that everybody who is reached in time stays; an experiment says how many really do. The best cut was found on the same customers and flatters itself a little."
      table={{
        head: ['contacted', 'score from', 'profit'],
        rows: points.map(({ share, threshold, profit: value }) => [share, threshold, value]),
        show: (value, column) =>
          value === null ? 'nobody' : column === 2 ? money(Number(value), currency) : percent(Number(value)),
      }}
      chart={(size) => (
        <XyChart
          {...size}
          label="Profit"
          words={`Profit is largest, ${shown(best.profit)}, when ${percent(best.share, 0)} are contacted; contacting everybody brings ${shown(everyone)}.`}
          x={{ domain: [0, 1], label: whole, title: 'contacted, % in the order of the score' }}
          y={{ label: shown }}
          title={(x) => `${percent(x, 0)} contacted`}
          markers={[{ x: best.share, label: 'best' }]}
          lines={[
            {
              name: 'profit',
              style: 'solid',
              colour: 1,
              points: points.map(({ share, profit: value }) => ({ x: share, y: value })),
              unlabelled: true,
            },
          ]}
        />
      )}
      foot={
        <>
          <span>
            Best at <b className="m">{percent(best.share, 0)}</b>:{' '}
            <b className="m">{money(best.profit, currency, 'figure')}</b>
          </span>
          <span className="t3">everybody {money(everyone, currency, 'figure')}</span>
          {breakEven !== null && <span className="t3">break-even at {percent(breakEven)}</span>}
          <span className="sp" />
          <span className="t3">n {count(metrics.n)}</span>
        </>
      }
    />
  );
}
