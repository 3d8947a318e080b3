// Which model answers whom, and since when: the log's barriers. A model is listed from its first deployment or canary on.
import type { ClientBase } from 'pg';
import type { Fact } from '#domain/envelope.ts';
import type { DeploymentRow, Tables } from './catalogue.ts';

export type Deployed = Extract<Fact, { type: 'model.deployed' | 'model.canaried' }>;

/** The id scores carry: one trained version of one model. */
const modelId = (model: string, version: number): string => `${model}@${version}`;

export async function applyDeployments(
  client: ClientBase,
  deployments: readonly { seq: number; fact: Deployed }[],
): Promise<void> {
  for (const { seq, fact } of deployments) {
    const id = modelId(fact.model, fact.version);
    const at = new Date(fact.at);
    await client.query(
      `insert into rm.models (model_id, type, model, version, digest, created_at) values ($1, $2, $3, $4, $5, $6)
       on conflict (model_id) do nothing`,
      [id, fact.kind, fact.model, fact.version, fact.digest, at],
    );
    await client.query(
      `insert into rm.deployments (seq, ctl_sequence, type, model_id, digest, deployed_at, percent) values ($1, $2, $3, $4, $5, $6, $7)
       on conflict (ctl_sequence) do nothing`,
      [seq, fact.ctlSequence, fact.kind, id, fact.digest, at, fact.type === 'model.deployed' ? 100 : fact.percent],
    );
  }
}

/**
 * The model of a type (clv, churn …) in force at the end of the log, or null. Decisions are ordered by CTL: a barrier that reached the log after
 * that of a later decision changes nothing, as in the fold (memory/workspace.ts).
 */
export async function deployedModel(db: Tables, type: string): Promise<DeploymentRow | null> {
  const row = await db
    .selectFrom('rm.deployments')
    .selectAll()
    .where('type', '=', type)
    .where('percent', '=', 100)
    .orderBy('ctl_sequence', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row ?? null;
}
