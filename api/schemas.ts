// Schemas that several resources share: coordinates, ids, problems.
import { z } from '@hono/zod-openapi';
import { type Examples, examplesOf } from './examples.ts';

/** ISO 8601, or ms since the epoch; a date alone is that local day. */
export const Instant = z
  .union([z.string().min(4).max(40), z.number().int().min(-8.64e15).max(8.64e15)])
  .describe('ISO 8601 time or date, or milliseconds since 1970');

export const Sequence = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER).describe('Sequence of the event log');

/** `{seq, at}`, a bare sequence (integer) or a bare time (text): facts.md §4. */
export const AsOfInput = z.union([
  Sequence,
  z.string().min(4).max(40),
  z.strictObject({ seq: Sequence.optional(), at: Instant.optional() }),
]);
export type AsOfInput = z.infer<typeof AsOfInput>;

const isSequence = /^\d{1,12}$/;
/** The same in an address. */
export const AsOfQuery = z
  .string()
  .max(40)
  .optional()
  .describe('A sequence (up to 12 digits), or a time (ISO 8601, or 13 digits of ms)')
  .transform((text) => (text !== undefined && isSequence.test(text) ? Number(text) : text));

export const AsOfOutput = z
  .object({ seq: z.number(), at: z.string().nullable() })
  .describe('What the log held and the moment asked about; send it back to get the same answer');

export const CustomerId = z
  .string()
  .trim()
  .min(1)
  .max(256)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is refused.
  .regex(/^[^\u0000-\u001f\u007f]*$/, 'control characters are not allowed');

export const ModelRef = z.object({ id: z.string(), version: z.number() });

export const Provenance = {
  as_of: AsOfOutput,
  clock: z.enum(['log', 'wall']),
  model: ModelRef.nullable(),
  served_by: z.string(),
};

export const Cursor = z.string().max(512).optional();
export const PageLimit = z.coerce.number().int().min(1).max(500).default(50);

export const ProblemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    detail: z.string(),
    reason: z.string(),
    trace_id: z.string(),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
  })
  .openapi('Problem');

/** A declared answer of JSON. */
export const jsonAnswer = <S extends z.ZodType>(description: string, schema: S) => ({
  description,
  content: { 'application/json': { schema } },
});
/** A body that may be left out altogether. */
export const optionalBody = <S extends z.ZodType>(schema: S, examples: Examples<z.input<S>>) => ({
  body: { required: false as const, content: { 'application/json': { schema, examples: examplesOf(examples) } } },
});
/** A declared body of JSON, with what /docs shows for it. */
export const jsonBody = <S extends z.ZodType>(schema: S, examples: Examples<z.input<S>>) => ({
  body: { required: true as const, content: { 'application/json': { schema, examples: examplesOf(examples) } } },
});
