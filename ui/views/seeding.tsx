// What stands in place of the plot while there is nothing to plot: the demo being filled, or a workspace without purchases.
import { Command } from '../components/copy.tsx';
import { Icon } from '../components/icon.tsx';
import { Panel } from '../components/panel.tsx';
import { State } from '../components/states.tsx';
import { count } from '../format.ts';
import type { Counters } from '../live.ts';
import type { Home } from '../queries.ts';

interface Step {
  name: string;
  detail: string;
  done: boolean;
}

/** The demo's way from events to answers. A step is done when something stands behind it, and running when the one before is. */
export function stepsOf(
  home: Pick<Home, 'model' | 'churn_rate' | 'customers'>,
  counters: Pick<Counters, 'events' | 'customers' | 'orders'>,
): Step[] {
  return [
    { name: 'Events', detail: `${count(counters.events)} in the log`, done: counters.events > 0 },
    {
      name: 'Ledgers',
      detail: `${count(counters.customers)} customers, ${count(counters.orders)} orders`,
      done: counters.customers > 0,
    },
    {
      name: 'Models',
      detail: home.model ? `${home.model.id} in force` : 'fitted from the log',
      done: home.model !== null,
    },
    {
      name: 'Scores',
      detail: home.churn_rate === null ? 'first answers' : 'answering',
      done: home.churn_rate !== null,
    },
  ];
}

export function Seeding({ home, counters }: { home: Home; counters: Counters | null }) {
  const steps = stepsOf(home, counters ?? { events: home.events, customers: home.customers ?? 0, orders: home.orders });
  const current = steps.findIndex((step) => !step.done);
  return (
    <Panel title="Filling the demo" unit="events → ledgers → models → scores" span="c8">
      <ol className="steps" aria-live="polite">
        {steps.map((step, index) => (
          <li key={step.name} className={step.done ? 'done' : index === current ? 'now' : undefined}>
            <span className="dotstep">{step.done && <Icon name="check" small />}</span>
            <span className="m">{step.name}</span>
            <span className="t3 num">{step.detail}</span>
            <span className="sp" />
            <span className="t3 s12">{step.done ? 'done' : index === current ? 'running' : 'waiting'}</span>
          </li>
        ))}
      </ol>
    </Panel>
  );
}

export function NoData() {
  return (
    <Panel title="No purchases yet" span="c8">
      <State icon="empty" title="The log is empty">
        <p>Import a file of purchases, or send one event; this page follows by itself.</p>
      </State>
      <Command label="Copy" text="npm run -s axiom47 -- import orders.csv --source shop" />
    </Panel>
  );
}
