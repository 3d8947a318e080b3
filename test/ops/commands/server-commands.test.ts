// Commands that ask a server: run against the real routes on a real socket, so that what a user reads is what the API and the command say together.
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve } from '@hono/node-server';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { ApiError } from '#ops/client.ts';
import { lacksIfAnswered } from '#ops/commands/churn.ts';
import { exportCommand } from '#ops/commands/export.ts';
import { predict } from '#ops/commands/predict.ts';
import { EXPORTED } from '#projections/exports.ts';
import { NOBODY_LEAVES } from '#test/api/support/cdnow-model.ts';
import { NOW } from '#test/api/support/memory-log.ts';
import { createPlatform, type Platform } from '#test/api/support/platform.ts';
import { run as inProcess, refusal } from '#test/support/commands.ts';
import { type Ended, run } from '#test/support/program.ts';

const dir = mkdtempSync(join(tmpdir(), 'axiom47-commands-'));
const token = 'local-token-of-this-start-with-32-characters';
let platform: Platform;
let server: Server;
beforeAll(async () => {
  platform = await createPlatform({ deps: { localToken: token } });
  server = serve({ fetch: platform.app.fetch, hostname: '127.0.0.1', port: 0 }) as Server;
  if (!server.listening) await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const running = { pid: process.pid, startedAt: new Date(NOW).toISOString(), natsUrl: 'nats://127.0.0.1:1', token };
  writeFileSync(join(dir, 'run.json'), JSON.stringify({ ...running, url: `http://127.0.0.1:${port}` }));
});
afterAll(() => {
  server.close();
  rmSync(dir, { recursive: true, force: true });
});

const axiom47 = (...args: string[]): Promise<Ended> => run([...args, '--data-dir', dir]);
/** Wrong input: exit code 2, one line, and none of the words that only a reader of the source understands. */
async function refused(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await axiom47(...args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^axiom47: [^\n]+\n$/);
  expect(stderr).not.toMatch(/ \/\w+:|GET |POST |positional|version-unknown|Invalid input/);
  return stderr;
}

test('--version and -v print the version', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  for (const flag of ['--version', '-v']) expect((await run([flag])).stdout).toBe(`${version}\n`);
});

test.each([
  [['key', 'list', '--foo'], 'there is no option --foo; `axiom47 key --help` shows what there is'],
  [['key', 'list', '-x'], 'there is no option -x; `axiom47 key --help` shows what there is'],
  [['key', 'list', '--json=1'], '--json takes no value; '],
  [['key', 'create', '--role', '--json'], '--role needs a value '],
  [['score', '--out', '/not/there/x.csv'], '--out /not/there/x.csv: there is no folder /not/there; make it'],
  [['export', 'scores', '--out', tmpdir()], `--out ${tmpdir()}: that is a folder; name a file in it`],
  [['rfm', 'orders.csv'], "'orders.csv' is one argument too many; "],
])('%j: what is wrong, without the parser’s own hints', async (args, says) => {
  const { code, stderr } = await run(args);
  expect(code).toBe(2);
  expect(stderr).toContain(`axiom47: ${says}`);
  expect(stderr.split('\n')).toHaveLength(2);
  expect(stderr).not.toMatch(/positional|place it at the end|Did you/);
});

describe('what is not there says how to find what is', () => {
  test.each(['77', '1-99999', 'x/y'])('quarantine show %s', async (id) => {
    expect(await refused('quarantine', 'show', id)).toContain(`the id ${id}; \`axiom47 quarantine list\``);
  });

  test.each(['nope', 'x'.repeat(100)])('key revoke %s', async (id) => {
    expect(await refused('key', 'revoke', id)).toContain(`there is no key ${id}; \`axiom47 key list\``);
  });

  test('model deploy refuses in the words of the API', async () => {
    await platform.deployCdnow();
    for (const id of ['nope@1', 'clv@9', 'clv', 'my.model@1'])
      expect(await refused('model', 'deploy', id)).toContain(`there is no model ${id}`);
    expect((await axiom47('model', 'deploy', 'clv@1')).code).toBe(0);
  });
});

test.each([
  [['predict', 'churn', 'c-1', '--as-of', '2026-02-30'], "--as-of is not a day of the calendar ('2026-02-30')"],
  [['predict', 'clv', 'c-1', '--as-of', 'yesterday'], "--as-of is not a time ('yesterday'); write 2026-11-20"],
  [['predict', 'churn', 'c-1', '--horizon', '9999'], '--horizon: '],
  [
    ['model', 'card', 'clv@1', '--out', '/proc/no/such/card'],
    '--out /proc/no/such/card: a folder to write to cannot be had',
  ],
])('%j: in the words of who typed it', async (args, says) => {
  expect(await refused(...args)).toContain(says);
});

test.each([
  [['quarantine', 'list', '--limit', 'abc'], '--limit abc: a whole number from 1 to 500'],
  [['quarantine', 'list', '--limit', '0'], '--limit 0: a whole number from 1 to 500'],
  [['quarantine', 'list', '--limit', '501'], '--limit 501: a whole number from 1 to 500'],
  [['dead-letters', 'list', '--limit', '0'], '--limit 0: a whole number from 1 to 500'],
  [['dead-letters', 'show'], 'dead-letters list, dead-letters show SEQ[/INDEX], or dead-letters replay'],
  [['dead-letters', 'show', 'x'], 'x: a log position, as `axiom47 dead-letters list` shows them'],
  [['dead-letters', 'show', '9999'], 'nothing waits for position 9999; `axiom47 dead-letters list` shows what does'],
  [['late', '--limit', '21'], '--limit 21: a whole number from 1 to 20'],
  [['quarantine', 'list', '--cursor', 'next'], '--cursor next: take it from the last line'],
  [['quarantine', 'list', '--source', 'My Shop'], '--source My Shop: no source has such a name'],
  [['source', 'add', 'My Shop!'], "'My Shop!': a source's name is lower-case letters, digits, - and _"],
  [['source', 'add', 'kiosk', '--orders-as', 'Shop'], "--orders-as 'Shop': a source's name is lower-case letters"],
  [['source', 'add', 'kiosk', '--coverage', '2024-02-30'], '--coverage 2024-02-30: complete, or a day'],
  [['source', 'add', 'kiosk', '--coverage', 'all'], '--coverage all: complete, or a day'],
  [['key', 'create', '--role', 'admin', '--expires', 'soon'], '--expires soon: a number of days, as in 90d'],
  [['key', 'create', '--role', 'boss'], '--role boss: one of analyst'],
])('%j', async (args, says) => {
  expect(await refused(...args)).toContain(says);
});

test('what is right still works', async () => {
  const made = (await axiom47('key', 'create', '--role', 'analyst', '--expires', '90d', '--json')).json<{
    id: string;
  }>();
  expect((await axiom47('key', 'revoke', made.id)).stdout).toContain('is revoked');
  expect((await axiom47('quarantine', 'list', '--limit', '500')).stdout).toContain('Nothing is in the quarantine');
});

test('a source is added once: the second time says so and keeps its credentials, --rotate makes new ones', async () => {
  type Added = { writeKey: string | null; nats: { creds: string } | null };
  const first = (await axiom47('source', 'add', 'till', '--json')).json<Added>();
  expect(first).toMatchObject({ source: 'till', writeKey: expect.stringMatching(/^wk_/), nats: { creds: 'seed 1' } });
  const second = await axiom47('source', 'add', 'till');
  expect(second).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/already.*shown once[^`]*`axiom47 source add till --rotate`/s),
  });
  expect((await axiom47('source', 'add', 'till', '--json')).json()).toMatchObject({ writeKey: null, nats: null });
  const rotated = await axiom47('source', 'add', 'till', '--rotate');
  // The seed of the first call was in force until here.
  expect(rotated.stdout).toContain('nats seed  seed 2\n');
  expect(rotated.stdout).toContain('The NATS seed made before has stopped working');
});

describe('what cannot be undone is shown first', () => {
  test('workspace erase shows whom it concerns and does nothing without --yes', async () => {
    platform.orders([{ customer: 'c-forget', day: '2026-05-01', amount: 10 }]);
    const before = platform.facts.length;
    const { code, stdout, stderr } = await axiom47('workspace', 'erase', 'c-forget');
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/c-forget: 1 orders, 2026-05-01 to 2026-05-01\naxiom47: .*nothing was done yet.*--yes/);
    expect(platform.facts).toHaveLength(before);
    await expect(refused('workspace', 'erase', 'nobody-by-that-name')).resolves.toContain(
      'no event of this customer is known',
    );
  });
});

test('one customer of the installation: predict says what the API says, in both ways of asking', async () => {
  await platform.deployCdnow();
  platform.orders([
    { customer: 'c-asked', day: '2026-03-01', amount: 20 },
    { customer: 'c-asked', day: '2026-05-01', amount: 30 },
  ]);
  const asked = { customer_id: 'c-asked', strict: true, horizon_days: 90 };
  const churn = await (await platform.as('admin', 'POST', '/api/predict/churn', asked)).json();
  expect((await axiom47('predict', 'churn', 'c-asked', '--horizon', '90d', '--json')).json()).toEqual(churn);
  const year = { customer_id: 'c-asked', strict: true, discount_monthly: 0.02 };
  const clv = await (await platform.as('admin', 'POST', '/api/predict/clv', year)).json();
  expect((await axiom47('predict', 'clv', '--customer', 'c-asked', '--discount', '.02', '--json')).json()).toEqual(clv);
  const { code, stdout } = await axiom47('predict', 'clv', 'c-asked', '--discount', '.02');
  expect(code).toBe(0);
  expect(stdout).toMatch(new RegExp(`^c-asked by clv@\\d+, at log position \\d+.*\nclv_mean +${clv.clv_mean}\n`));
  expect(stdout).toMatch(/\nno interval: the model says nothing of how sure its parameters are: .*train clv --deploy/);
  expect(await refused('predict', 'clv', 'nobody-by-that-name')).toContain(
    'no customer of this installation has that id',
  );
  expect(await refused('predict', 'clv', 'c-asked', '--params', 'x.json')).toContain('leave --params out');
  expect(await refused('predict', 'clv')).toContain('predict clv c-1');
  expect(stdout).not.toContain('caveat');
  await platform.deployModel(NOBODY_LEAVES);
  const told = await inProcess(predict, 'churn', 'c-asked', '--data-dir', dir);
  expect(told.stdout).toMatch(/\ncaveat: P\(alive\) is 1 by assumption.*given that nobody leaves/);
  const path = join(dir, 'nobody-leaves.json');
  writeFileSync(path, JSON.stringify(NOBODY_LEAVES));
  const ofFile = await inProcess(predict, 'churn', '--params', path, '--new');
  expect(ofFile.stderr).toMatch(/^axiom47: caveat: P\(alive\) is 1 by assumption/);
  await platform.deployCdnow();
  for (const [args, says] of [
    [['clv', 'c-asked', '--decimal', 'comma', '--grain', 'week'], 'asks the installation: leave --decimal out'],
    [['clv', 'c-asked', '--discounting', 'mid-month'], 'the installation discounts at month ends'],
    [['churn', 'c-asked', '--discount', '.02'], 'predict churn knows no money: leave --discount out'],
  ] as const)
    expect(await refusal(predict, ...args, '--data-dir', dir)).toContain(says);
  for (const option of ['time', 'amount', 'date-order', 'until', 'grain'])
    expect(await refusal(predict, 'churn', 'c-asked', `--${option}`, 'x')).toContain(`leave --${option} out`);
});

test('an export tells how many rows were written, and how many of its moment were not', async () => {
  platform.orders(['c-stays', 'c-goes', 'two\nlines'].map((customer) => ({ customer, day: '2026-03-01', amount: 20 })));
  const { open } = platform.deps.exports;
  const all = (await open(EXPORTED[0]!, null)).rows;
  const written = async (...args: string[]) =>
    (await inProcess(exportCommand, 'customers', '--identified', ...args, '--json', '--data-dir', dir)).json();
  const paths = ['all.csv', 'all.ndjson', 'all.parquet'].map((name) => join(dir, name));
  for (const path of paths) expect(await written('--out', path)).toMatchObject({ rows: all, leftOut: 0 });
  platform.deps.exports.open = async (...asked) => {
    const opened = await open(...asked);
    await platform.as('admin', 'POST', '/api/erasures', { customer_id: 'c-goes' });
    return { ...opened, rows: all };
  };
  for (const path of paths.slice(1)) {
    const { stdout, stderr } = await inProcess(exportCommand, 'customers', '--out', path, '--data-dir', dir);
    expect(stdout).toMatch(new RegExp(`^customers: ${all - 1} rows at log position \\d+ in .*; 1 rows of that moment`));
    expect(stderr).toContain(`done ${all - 1} rows; 1 rows of that moment left out`);
  }
  platform.deps.exports.open = open;
});

test('a definition holds although nobody could check whether the log is long enough for it', async () => {
  const definition = { kind: 'contractual' as const, horizon_days: 30, grace_days: 7, active_within_days: null };
  const answering = (error: Error) => ({ call: () => Promise.reject(error) });
  for (const status of [403, 429, 503])
    expect(await lacksIfAnswered(answering(new ApiError(status, { detail: 'come back later' })), definition)).toEqual([
      'whether the log is long enough for it could not be checked: come back later',
    ]);
  await expect(lacksIfAnswered(answering(new TypeError('a mistake')), definition)).rejects.toThrow('a mistake');
});

test('who is parked and what a late order has changed, in words', async () => {
  await platform.deployCdnow();
  expect((await axiom47('dead-letters')).stdout).toBe('Nothing is parked.\n');
  expect((await axiom47('dead-letters', 'replay')).stdout).toBe('Nothing is parked.\n');
  platform.orders([
    { customer: 'late-1', day: '2026-04-01', amount: 20 },
    { customer: 'late-1', day: '2026-05-20', amount: 20 },
  ]);
  const late = platform.orders([{ customer: 'late-1', day: '2026-05-10', amount: 20 }]);
  const shown = await axiom47('late', '--limit', '1');
  expect(shown.stdout).toMatch(new RegExp(`${late} +late-1 +order\\.placed +2026-05-10 +10 +0\\.\\d{4} → 0\\.\\d{4}`));

  // Erased between the list and the question what it has changed.
  const { past } = platform.deps.ledgers;
  const erased = vi.spyOn(platform.deps.ledgers, 'past').mockImplementation(async (...asked) => {
    const views = await past(...asked);
    return views.map((view) => view && { ...view, entries: { ...view.entries, erased: true } });
  });
  expect((await axiom47('late')).stdout).toMatch(new RegExp(`${late} +\\(erased\\) +order\\.placed`));
  erased.mockRestore();

  const unknown = ['parked-1', 'parked-2'].map((customer) => ({ customer, day: '2026-05-21', amount: 20 }));
  const seq = platform.orders(unknown, null, 9);
  expect((await axiom47('dead-letters', 'list')).stdout).toMatch(
    new RegExp(`2 parked, 2 events wait\\n\\n.*\\n.*${seq}/0 +parked-1 +unknown`, 's'),
  );
  const show = async (place: string) => (await axiom47('dead-letters', 'show', place)).stdout;
  expect([await show(String(seq)), await show(`${seq}/1`)]).toEqual([
    expect.stringContaining('parked-1: unknown'),
    expect.stringContaining('parked-2: unknown'),
  ]);
  expect(await refused('dead-letters', 'show', `${seq}/2`)).toContain(`nothing waits for position ${seq}/2`);
  expect((await axiom47('dead-letters', 'show', String(seq))).stdout).toContain('start that version');
  const replay = await axiom47('dead-letters', 'replay');
  expect([replay.code, replay.stdout]).toEqual([1, expect.stringContaining('2 of 2 customers still parked')]);
});
