// The API from a terminal, ready to copy.
import { useState } from 'react';
import { curlPost } from '../curl.ts';
import { Command } from './copy.tsx';
import { Choice, Panel } from './panel.tsx';

const OPTIONS = [
  ['churn', 'Churn'],
  ['clv', 'CLV'],
  ['event', 'Event'],
  ['totals', 'Totals'],
] as const;
type Option = (typeof OPTIONS)[number][0];

const commands: Record<Option, () => { text: string; note: string }> = {
  churn: () => ({
    text: curlPost('/api/predict/churn', { summary: { frequency: 3, recency: 20, T: 30 } }),
    note: 'Three repeat purchases, the last at week 20 of 30. With a customer_id the log knows the rest.',
  }),
  clv: () => ({
    text: curlPost('/api/predict/clv', {
      summary: { frequency: 3, recency: 20, T: 30, monetary_value: 42 },
      months: 12,
    }),
    note: 'Mean with p05, p50 and p95 of spend over twelve months.',
  }),
  event: () => ({
    text: curlPost('/api/events', {
      id: 'live-event-1',
      type: 'order.placed',
      customer_id: 'c-1',
      at: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
      data: { order_id: 'live-1', amount: '42.00', currency: 'EUR' },
    }),
    note: 'Sent twice it counts once; the customer’s answer changes within a second.',
  }),
  totals: () => ({
    text: `curl '${location.origin}/api/home'`,
    note: 'What this page shows; in the demo no key is needed.',
  }),
};

/** Subscribers are asked about by id: no summary of purchases says anything of a contract. */
const bySubscriber = () => ({
  text: curlPost('/api/predict/churn', { customer_id: 'ID', explain: true }),
  note: 'Put the id of one of your subscribers in place of ID; an id that nobody has is refused.',
});

/** @param subscribersOnly nobody has bought: value and summaries of purchases have no model here. */
export function TryOut({ subscribersOnly }: { subscribersOnly: boolean }) {
  const [option, setOption] = useState<Option>('churn');
  const { text, note } = subscribersOnly && option === 'churn' ? bySubscriber() : commands[option]();
  const options = subscribersOnly ? OPTIONS.filter(([name]) => name !== 'clv') : OPTIONS;
  return (
    <Panel
      title="Try the API"
      span="c4"
      tools={<Choice label="Request" options={options} value={option} onChange={setOption} />}
      foot={
        <>
          <span className="t3">A key</span>
          <span className="mono">npm run -s axiom47 -- key create --role analyst</span>
        </>
      }
    >
      <p className="lead">{note}</p>
      <Command text={text} label="Copy" />
    </Panel>
  );
}
