// What stands in place of the plot while there is nothing to plot: the demo being filled, or a workspace without purchases.
import { Command } from '../components/copy.tsx';
import { Icon } from '../components/icon.tsx';
import { Panel } from '../components/panel.tsx';
import { State } from '../components/states.tsx';
import { count, counted } from '../format.ts';
import type { Counters } from '../live.ts';
import type { Home } from '../queries.ts';

interface Step {
  name: string;
  detail: string;
  done: boolean;
}

/** The demo's way from events to answers. The first step that is not done is running. */
export function stepsOf(
  home: Pick<Home, 'model' | 'churn_rate' | 'customers'>,
  counters: Pick<Counters, 'events' | 'customers' | 'orders' | 'events_per_second'>,
): Step[] {
  // While no model is in force and events come in, the log is still being filled.
  const arriving = home.model === null && counters.events_per_second > 0;
  return [
    { name: 'Events', detail: `${count(counters.events)} in the log`, done: counters.events > 0 && !arriving },
    {
      name: 'Ledgers',
      detail: `${counted(counters.customers, 'customer')}, ${counted(counters.orders, 'order')}`,
      done: counters.customers > 0 && !arriving,
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
  const steps = stepsOf(home, counters ?? { ...home, customers: home.customers ?? 0 });
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

export function TooEarly({ customers, orders }: { customers: number | null; orders: number }) {
  return (
    <Panel title="Does the model track?" unit="cumulative repeat purchases, weekly" span="c8">
      <State icon="chart" title={orders === 0 ? 'No purchases to plot' : 'Too early for the plot'}>
        <p>
          {orders === 0
            ? 'This workspace knows no orders. Subscribers have their risk in Customers, and their models’ figures in Models.'
            : customers === null
              ? 'It begins with ten customers: a count of fewer people is not shown.'
              : 'It begins when a whole week has passed since the first purchase.'}
        </p>
      </State>
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
