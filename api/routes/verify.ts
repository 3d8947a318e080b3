// The log's promises, put to the test: does the keyring belong to it, and is a score what it said it was.
import { z } from '@hono/zod-openapi';
import { FAULT_KINDS } from '#streams/chain/verify.ts';
import type { Deps } from '../deps.ts';
import { SCORES_TO_VERIFY } from '../examples.ts';
import { createReplay, VERDICTS } from '../predict/replay.ts';
import type { Predictions } from '../predict/service.ts';
import { createRouter, route } from '../route.ts';
import { jsonAnswer, jsonBody } from '../schemas.ts';

const Keyring = z.object({
  ok: z.boolean(),
  sids: z.number().describe('Ids the log holds'),
  erased: z.number(),
  mappings: z.number().describe('Ids the keyring can name'),
  unused: z
    .number()
    .describe('Mappings of which the log holds nothing: normal after a crash, the keyring commits first'),
  orphans: z.number().describe('In the log, not erased, and without a mapping: the keyring is older than the log'),
  returned: z.number().describe('Erased by the log and mapped again: an older keyring has brought them back'),
  danglingLinks: z.number(),
  named: z
    .object({ orphans: z.array(z.string()), returned: z.array(z.string()) })
    .describe('The first of them, by sid'),
});
const Chain = z.object({
  ok: z.boolean(),
  messages: z.number(),
  bytes: z.number(),
  links: z.number(),
  sealed_to: z.number().describe('Log position up to which the chain seals; the rest is seconds old'),
  head: z.string().describe('SHA-256 of the last link: noted elsewhere, it shows whether the chain was written anew'),
  faults: z.array(
    z.object({
      kind: z.enum(FAULT_KINDS),
      from: z.number(),
      to: z.number(),
      at: z.string().nullable().describe('When what was sealed there was stored'),
      read_before: z.array(z.string()).describe('Projections that had read it before: they hold what it was'),
      stopped_by: z.array(z.string()).describe('Projections that cannot get past it'),
    }),
  ),
});
const Value = z.number().nullable();
const Replay = z.object({
  verdict: z.enum(VERDICTS),
  detail: z.string(),
  replayed: z.record(z.string(), z.unknown()).nullable().describe('The answer, computed again'),
  differences: z.array(z.object({ name: z.string(), given: Value, replayed: Value })),
  compared: z.array(z.string()),
});
const Stored = z.object({
  checked: z.number(),
  same: z.number(),
  different: z.number(),
  differences: z.array(
    z.object({
      sid: z.string(),
      model_id: z.string(),
      seq: z.number(),
      name: z.string(),
      stored: Value,
      replayed: Value,
    }),
  ),
});

export function verifyRoutes(deps: Deps, predictions: Predictions) {
  const replay = createReplay(deps, predictions);
  return createRouter()
    .openapi(
      route({
        method: 'post',
        path: '/api/verify/keyring',
        permission: 'system:read',
        tags: ['system'],
        summary: 'Does the keyring belong to this log: ids without a mapping, and erased ones that have one again',
        responses: { 200: jsonAnswer('What was found', Keyring) },
      }),
      async (c) => c.json(await deps.verifyKeyring(), 200),
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/verify/chain',
        permission: 'system:read',
        tags: ['system'],
        summary:
          'Read the whole log and compare it with its hash chain: every fault with place, time and whom it touches',
        responses: { 200: jsonAnswer('What was found', Chain) },
      }),
      async (c) => c.json(await deps.verifyChain(), 200),
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/verify/score',
        permission: 'score:read',
        tags: ['predict'],
        summary: 'Compute a prediction again from its score_id and compare it with what was given, bit for bit',
        request: jsonBody(
          z.strictObject({
            score_id: z.string().min(1).max(200),
            value: z.number().optional().describe('The one value that was noted: p_churn or clv_mean'),
            given: z.record(z.string().max(40), z.unknown()).optional().describe('The answer as it was, or some of it'),
          }),
          SCORES_TO_VERIFY,
        ),
        responses: { 200: jsonAnswer('The verdict', Replay) },
      }),
      async (c) => {
        const { score_id, value, given = {} } = c.req.valid('json');
        const numbers = Object.entries(given).filter(([, each]) => each === null || typeof each === 'number');
        const answer = await replay(score_id, Object.fromEntries(numbers) as Record<string, number | null>, value);
        if (answer.replayed === null) return c.json({ ...answer, replayed: null }, 200);
        const { parked, ...replayed } = answer.replayed;
        return c.json({ ...answer, replayed: parked ? { ...replayed, parked } : replayed }, 200);
      },
    )
    .openapi(
      route({
        method: 'post',
        path: '/api/verify/scores',
        permission: 'system:read',
        tags: ['system'],
        summary: 'Compute scores of the scores table again, a sample of them or all, and compare bit for bit',
        request: { query: z.object({ sample: z.coerce.number().int().min(1).max(10_000_000).default(10_000) }) },
        responses: { 200: jsonAnswer('What was found', Stored) },
      }),
      async (c) => c.json(await deps.verifyScores(c.req.valid('query').sample), 200),
    );
}
