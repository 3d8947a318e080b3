// Every JSON body that /docs describes has examples, and every example is one that the API takes: by its schema, and where the body goes
// through unread (events) by the door itself.
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createPlatform, type Platform } from './support/platform.ts';

interface Sample {
  method: string;
  path: string;
  name: string;
  schema: unknown;
  value: unknown;
}
const platform: Platform = await createPlatform();
const document = (await (await platform.app.request('/openapi.json')).json()) as {
  paths: Record<
    string,
    Record<
      string,
      { requestBody?: { content: Record<string, { examples?: Record<string, { summary: string; value: unknown }> }> } }
    >
  >;
};
/** The zod schemas as the routes declare them: what the description was made from. */
const declared = new Map<string, unknown>();
for (const definition of platform.app.openAPIRegistry.definitions)
  if (definition.type === 'route') {
    const content = definition.route.request?.body?.content['application/json'];
    if (content && 'schema' in content)
      declared.set(`${definition.route.method} ${definition.route.path}`, content.schema);
  }
const bodies = Object.entries(document.paths).flatMap(([path, operations]) =>
  Object.entries(operations).flatMap(([method, { requestBody }]) => {
    const json = requestBody?.content['application/json'];
    return json ? [{ method, path, examples: Object.values(json.examples ?? {}) }] : [];
  }),
);
const samples: Sample[] = bodies.flatMap(({ method, path, examples }) =>
  examples.map(({ summary, value }) => ({
    method,
    path,
    name: summary,
    value,
    schema: declared.get(`${method} ${path}`),
  })),
);
const byZod = samples.filter(({ schema }) => schema instanceof z.ZodType);
const byDoor = samples.filter(({ schema }) => !(schema instanceof z.ZodType));

test('every JSON body is described with an example', () => {
  expect(bodies.length).toBe(declared.size);
  expect(bodies.length).toBeGreaterThan(20);
  for (const { method, path, examples } of bodies) expect(examples.length, `${method} ${path}`).toBeGreaterThan(0);
  expect([...new Set(byDoor.map(({ path }) => path.split('/')[1]))]).toEqual(['api', 'v1']);
});

test.each(byZod)('$method $path: $name is what its schema accepts', ({ schema, value }) => {
  const parsed = (schema as z.ZodType).safeParse(value);
  expect(parsed.error?.issues ?? []).toEqual([]);
});

describe('events', () => {
  test.each(byDoor)('$path: $name is stored', async ({ path, value }) => {
    const fresh = await createPlatform();
    const answer = await fresh.as('admin', 'POST', path, value);
    expect(answer.status).toBeLessThan(300);
    const body = (await answer.json()) as { accepted: number };
    expect(body).toMatchObject({ rejected: [] });
    expect(body.accepted).toBeGreaterThan(0);
  });
});

describe('with a model and the customers of the demo', () => {
  let demo: Platform;
  beforeAll(async () => {
    demo = await createPlatform();
    for (const customer of ['demo-00042', 'demo-00043', 'demo-00044'])
      demo.orders(['2025-01-05', '2025-02-05', '2025-05-05'].map((day) => ({ customer, day, amount: 40 })));
    await demo.deployCdnow();
  });
  const asked = byZod.filter(({ path }) => path.startsWith('/api/predict/'));

  test.each(asked)('$path: $name is answered', async ({ path, value }) => {
    const answer = await demo.as('analyst', 'POST', path, value);
    expect(answer.status).toBe(200);
    for (const item of ((await answer.json()) as { items?: object[] }).items ?? [])
      expect(item).not.toHaveProperty('error');
  });

  test('model files are taken', async () => {
    for (const { value } of byZod.filter(({ path }) => path === '/api/models'))
      expect((await demo.as('admin', 'POST', '/api/models', value)).status).toBe(201);
  });
});
