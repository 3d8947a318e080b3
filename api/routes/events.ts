// Events in over HTTP: the native door, and Segment's calls word for word. The bytes go to the gateway as they are; it parses, names,
// seals and appends, and only then is an event acknowledged.
import { isUtf8 } from 'node:buffer';
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { rateCommand, withoutRate } from '#domain/rates.ts';
import type { MoneyTaken } from '#streams/gateway/money-taken.ts';
import type { Deps } from '../deps.ts';
import { EVENTS, examplesOf, SEGMENT } from '../examples.ts';
import { Problem, parseJson } from '../problem.ts';
import { createRouter, type Env, route } from '../route.ts';
import { jsonAnswer } from '../schemas.ts';

/** Both are promises to publishers (interfaces.md, "Events in"). */
export const MAX_EVENTS_BODY = 512 * 1024;
export const MAX_EVENTS = 2_500;
const DEFAULT_SOURCE = 'api';

const Ingested = z.object({
  accepted: z.number(),
  duplicates: z.number().describe('Only those the gateway already knew; the fold is the judge'),
  rejected: z.array(
    z.object({
      index: z.number(),
      id: z.string().nullable(),
      reason: z.string(),
      detail: z.string(),
      column: z.string().optional(),
    }),
  ),
  seq: z.number().describe('Log sequence from which these events are visible'),
  warnings: z
    .array(z.string())
    .describe('Of what was taken, and will be missed in answers: money in a currency that has no rate yet'),
});
const Options = z.object({
  strict: z.enum(['0', '1', 'true', 'false']).optional(),
  source: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'a source is lower-case letters, digits, - and _')
    .optional(),
});

const isStrict = (c: Context<Env>, strict: string | undefined): boolean =>
  strict === '1' || strict === 'true' || c.req.header('x-strict-mode') === '1';

/** Cheap look at an array's length before the gateway's full parse; what is not an array is one event. */
function refuseTooMany(value: unknown): void {
  if (Array.isArray(value) && value.length > MAX_EVENTS)
    throw new Problem('too-many-items', `${value.length} events in one request; at most ${MAX_EVENTS}`);
}

const isMsgpack = (contentType: string | undefined): boolean =>
  /^application\/(x-|vnd\.)?msgpack\b/.test(contentType ?? '');

/** Number of entries a msgpack array announces in its first bytes, 1 for anything else. */
function msgpackLength(bytes: Uint8Array): number {
  const head = bytes[0];
  if (head === undefined) return 0;
  if ((head & 0xf0) === 0x90) return head & 0x0f;
  if (head === 0xdc && bytes.length >= 3) return (bytes[1]! << 8) | bytes[2]!;
  if (head === 0xdd && bytes.length >= 5) return new DataView(bytes.buffer, bytes.byteOffset).getUint32(1);
  return 1;
}

function jsonOf(bytes: Uint8Array): unknown {
  if (!isUtf8(bytes)) throw new Problem('not-json', 'the body is not UTF-8; send JSON as UTF-8');
  return parseJson(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'));
}

export function eventRoutes(deps: Deps) {
  const { gateway, workspace } = deps;

  /** Taken all the same: a rate may come later. By what this process knows of rates: what is stored waits for no other thread. */
  function missingRates(money: readonly MoneyTaken[]): string[] {
    return withoutRate(money, workspace).map(
      ({ currency, events, firstDay }) =>
        `${events} of these events ${events === 1 ? 'is' : 'are'} in ${currency}, which has no rate into ${workspace.reportingCurrency}: taken, but the value of such customers is not predicted until ${rateCommand(currency, firstDay)} gives one`,
    );
  }

  async function ingest(
    c: Context<Env>,
    request: {
      door: 'http' | 'segment';
      source: string;
      body: Uint8Array;
      contentType: 'json' | 'msgpack';
      strict: boolean;
    },
  ) {
    const answer = await gateway.ingest({ ...request, traceId: c.var.traceId });
    if (request.strict && answer.rejected.length > 0)
      throw new Problem('strict-rejected', 'nothing was stored; mend the events named here and send all again', {
        extra: { rejected: answer.rejected },
      });
    const { accepted, duplicates, rejected, lastSeq, money } = answer;
    return { accepted, duplicates, rejected, seq: lastSeq, warnings: missingRates(money) };
  }

  const segmentCalls = ['track', 'batch', 'identify', 'page', 'screen', 'group', 'alias'] as const;

  const native = createRouter().openapi(
    route({
      method: 'post',
      path: '/api/events',
      permission: 'event:write',
      bodyLimit: MAX_EVENTS_BODY,
      tags: ['events'],
      summary: 'One event or an array (≤ 2,500, ≤ 512 KB), native or reference-stack JSON, or msgpack',
      description:
        'An order id is one order of one customer within its source (or the sources that share ids): sent again it is a duplicate whatever its event id, and the same order id of another customer is another order.',
      request: {
        query: Options,
        body: {
          required: true,
          content: {
            'application/json': {
              schema: { type: 'object' as const, description: 'A native event, or an array of them' },
              examples: examplesOf(EVENTS),
            },
            'application/msgpack': { schema: { type: 'string' as const, format: 'binary' } },
          },
        },
      },
      responses: { 202: jsonAnswer('Stored', Ingested) },
    }),
    async (c) => {
      const query = c.req.valid('query');
      const body = new Uint8Array(await c.req.arrayBuffer());
      const msgpack = isMsgpack(c.req.header('content-type'));
      if (msgpack) {
        const length = msgpackLength(body);
        if (length === 0) throw new Problem('bad-field', 'the body is empty: send one event or an array');
        if (length > MAX_EVENTS)
          throw new Problem('too-many-items', `${length} events in one request; at most ${MAX_EVENTS}`);
      } else refuseTooMany(jsonOf(body));
      const source = c.var.principal.source ?? query.source ?? DEFAULT_SOURCE;
      const strict = isStrict(c, query.strict);
      return c.json(
        await ingest(c, { door: 'http', source, body, contentType: msgpack ? 'msgpack' : 'json', strict }),
        202,
      );
    },
  );

  const segment = createRouter();
  for (const call of segmentCalls) {
    segment.openapi(
      route({
        method: 'post',
        path: `/v1/${call}`,
        permission: 'event:write',
        bodyLimit: MAX_EVENTS_BODY,
        tags: ['segment'],
        summary: `Segment's ${call} call; the source's write key as Basic user name`,
        request: {
          query: Options.pick({ strict: true }),
          body: {
            required: true,
            content: {
              'application/json': {
                schema: { type: 'object' as const, description: 'As Segment’s libraries send it' },
                examples: examplesOf(SEGMENT[call]),
              },
            },
          },
        },
        responses: {
          200: jsonAnswer(
            'Stored',
            Ingested.extend({
              success: z.boolean().describe('False when every event was refused; `rejected` says why'),
            }),
          ),
        },
      }),
      async (c) => {
        const body = new Uint8Array(await c.req.arrayBuffer());
        const value = jsonOf(body);
        if (typeof value !== 'object' || value === null || Array.isArray(value))
          throw new Problem('bad-field', 'send one JSON object', {
            fields: [{ pointer: '', detail: 'an object is expected' }],
          });
        if (call === 'batch') {
          if (!Array.isArray((value as { batch?: unknown }).batch))
            throw new Problem('bad-field', 'batch: an array of calls is expected', {
              fields: [{ pointer: '/batch', detail: 'an array of calls is expected' }],
            });
          refuseTooMany((value as { batch: unknown }).batch);
        }
        // The single calls carry their kind in the path, a batch in each entry: the gateway reads the entry's.
        const bytes = call === 'batch' ? body : new TextEncoder().encode(JSON.stringify({ ...value, type: call }));
        const source = c.var.principal.source ?? 'segment';
        const strict = isStrict(c, c.req.valid('query').strict);
        const answer = await ingest(c, { door: 'segment', source, body: bytes, contentType: 'json', strict });
        // Segment's libraries send again what was not answered 200, and what was refused once is refused again.
        const success = answer.rejected.length === 0 || answer.accepted + answer.duplicates > 0;
        return c.json({ success, ...answer }, 200);
      },
    );
  }
  return native.route('/', segment);
}
