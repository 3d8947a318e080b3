// What follows an import: a model of purchases fitted, and models of subscriptions trained, each put in force when it applies.
import { DEFAULT_CONTRACTUAL } from '#domain/churn-definition.ts';
import type { ImportMapping } from '#domain/import-mapping.ts';
import type { Client } from '../client.ts';
import type { Io } from '../commands/command.ts';
import { describeTraining, notesBeside, trainOf } from '../commands/train.ts';

interface FitAnswer {
  ok: boolean;
  message?: string;
  id?: string;
  deployed?: boolean;
  refused?: { code: string; message: string } | null;
  diagnostics?: { code: string; message: string }[];
}

export const hasModel = async (client: Client): Promise<boolean> =>
  (await client.call<{ items: { in_force: boolean }[] }>('GET', '/api/models')).items.some((each) => each.in_force);

/** A refusal is news for the user, not a failure of the import. */
async function fitAndDeploy(client: Client, io: Io): Promise<void> {
  const answer = await client.call<FitAnswer>('POST', '/api/fit', { kind: 'clv', deploy: true });
  if (answer.deployed) io.stderr(`model ${answer.id} is in force\n`);
  else if (answer.refused)
    io.stderr(
      `model ${answer.id} was fitted but NOT put in force (${answer.refused.code}): ${answer.refused.message}; what was in force before, if anything, stays. To use it all the same: axiom47 model deploy ${answer.id} --yes\n`,
    );
  else io.stderr(`no model was fitted: ${answer.message}\n`);
  for (const note of notesBeside(answer.diagnostics ?? [], [answer.refused?.message ?? '']))
    io.stderr(`  note: ${note}\n`);
}

/** By what the files hold: orders are fitted, subscriptions are trained. */
export async function bringModels(client: Client, mappings: readonly ImportMapping[], io: Io): Promise<void> {
  if (mappings.some(({ kind }) => kind !== 'subscription')) await fitAndDeploy(client, io);
  const subscriptions = mappings.find(({ kind }) => kind === 'subscription');
  if (subscriptions) await trainSubscriptions(client, subscriptions, io);
}

/** The first subscriptions of a workspace define what losing one means: within the days the table speaks of, else 30. */
async function trainSubscriptions(client: Client, { snapshot }: ImportMapping, io: Io): Promise<void> {
  const { items } = await client.call<{ items: { kind: string; horizon_days: number }[] }>(
    'GET',
    '/api/churn-definitions',
  );
  if (!items.some(({ kind }) => kind === 'contractual')) {
    const horizon_days = snapshot?.withinDays ?? DEFAULT_CONTRACTUAL.horizonDays;
    await client.call('PUT', '/api/churn-definitions/contractual', { horizon_days });
    io.stderr(
      `a subscriber counts as lost when every subscription has ended within ${horizon_days} days (another rule: axiom47 churn define contractual)\n`,
    );
  }
  for (const kind of ['churn-logistic', 'churn-cox']) {
    const { result } = await trainOf(client, { kind, definition: 'contractual', deploy: true }, io);
    if (result !== null) io.stderr(`${describeTraining(result)}\n`);
  }
}
