// The barrier of a canary, younger than the golden log: its bytes as the first version wrote them, and what a fold makes of deployments and canaries.
import { expect, test } from 'vitest';
import type { Fact } from '#domain/envelope.ts';
import { createLedger } from '#projections/memory/ledger.ts';
import { Workspace } from '#projections/memory/workspace.ts';
import { decodeMessage, encodeFact } from '#streams/pack.ts';

const header = { tenant: 'main', gateway: 'g1', epoch: 1, ingestedAt: 1_800_000_000_000 };
const model = { kind: 'clv', model: 'clv_model', digest: 'ab', at: 1_800_000_000_000 };
const deployed = (ctlSequence: number, version: number): Fact => ({
  type: 'model.deployed',
  ctlSequence,
  ...model,
  version,
});
const canaried = (ctlSequence: number, version: number, percent: number): Fact => ({
  type: 'model.canaried',
  ctlSequence,
  ...model,
  version,
  percent,
});
const GOLDEN =
  '3gAGoXYBpnRlbmFudKRtYWlup2dhdGV3YXmiZzGlZXBvY2gBomF0y0J6MYXFAAAApGZhY3TeAAikdHlwZa5tb2RlbC5jYW5hcmllZKtjdGxTZXF1ZW5jZQyka2luZKNjbHalbW9kZWypY2x2X21vZGVspmRpZ2VzdKJhYqJhdMtCejGFxQAAAKd2ZXJzaW9uAqdwZXJjZW50y0ApAAAAAAAA';

test('golden bytes of the first version read as the fact they were, and are written so', () => {
  const bytes = Uint8Array.from(Buffer.from(GOLDEN, 'base64'));
  expect(decodeMessage(bytes)).toEqual({ kind: 'fact', header, fact: canaried(12, 2, 12.5) });
  expect(Buffer.from(encodeFact(canaried(12, 2, 12.5), header)).toString('base64')).toBe(GOLDEN);
});

test('every barrier is kept with its share, a late one is void, and a snapshot keeps them', () => {
  const ledger = createLedger({ reportingCurrency: 'EUR' });
  const facts = [deployed(3, 1), canaried(5, 2, 10), canaried(7, 2, 25), canaried(6, 2, 0), canaried(9, 2, 0)];
  for (const [i, fact] of facts.entries()) ledger.applyMessage(i + 1, decodeMessage(encodeFact(fact, header)));
  const kept = ledger.workspace.deployments.map(({ seq, version, percent }) => [seq, version, percent]);
  expect(kept).toEqual([
    [1, 1, 100],
    [2, 2, 10],
    [3, 2, 25],
    [5, 2, 0],
  ]);
  const again = new Workspace('EUR');
  ledger.flushColumns();
  again.restore(ledger.workspace.save());
  expect(again.deployments).toEqual(ledger.workspace.deployments);
});
