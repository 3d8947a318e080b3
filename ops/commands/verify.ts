// The log's promises put to the test from the command line: it is what was stored, the keyring belongs to it, a score can be computed again.
import { existsSync, readFileSync } from 'node:fs';
import type { KeyringReport, LedgersReport, StoredScoresReport } from '#api/integrity-deps.ts';
import type { Replay, Verdict } from '#api/predict/replay.ts';
import { type Client, dataDirOf, withServer } from '../client.ts';
import { type Command, type Io, UsageError } from './command.ts';
import { parseCommand, print } from './options.ts';
import { verifyChainCommand } from './verify-chain.ts';

/** 0: as promised (an erased customer's score cannot be computed again, by design); 1: it is not; 2: what was given is no score of ours. */
const EXIT: Record<Verdict, number> = {
  same: 0,
  replayed: 0,
  erased: 0,
  different: 1,
  'not-in-log': 1,
  'not-a-score': 2,
};

export const verify: Command = {
  name: 'verify',
  summary: 'check the promises: the log is whole, the keyring belongs to it, scores can be computed again',
  help: `
axiom47 verify --chain [--data-dir DIR] [--json]
axiom47 verify --projections
axiom47 verify --keyring
axiom47 verify --score ID|FILE|- [--value V] [--json]
axiom47 verify --scores [--sample 10000] [--json]

--chain: reads the whole log and compares it with its hash chain: every changed, swapped, inserted, removed or missing message is named with
its position, when it was stored, and which projections had read it before. Works without a server too, also on a log that none starts on.
--projections: the rows of every customer in the tables are what the ledger says, and gateway, log and fold agree on how many events there are.
A running server compares whatever changes by itself (GET /api/ledgers); this looks at everybody.
--keyring: every id in the log has a mapping unless it was erased, and nobody erased has one again. Ends with 1 when that is not so, as after
restoring a keyring that is older than the log. A mapping of which the log holds nothing is normal: the keyring commits first.
--score: computes a prediction again from its score_id (the log as it stood, the very model) and compares it bit for bit with what was given:
the JSON answer in a file or on standard input (-), or --value with the one number that was noted (p_churn or clv_mean).
  same, different (both values are shown), erased, not-a-score (not signed by this workspace), not-in-log, replayed (nothing to compare with)
--scores: the same for the rows of the scores table, a sample of them.

Example: curl … /api/predict/churn -d '{"customer_id": "c-1042"}' > answer.json && axiom47 verify --score answer.json
`,
  async run(argv, io) {
    const { values, positionals } = parseCommand(argv, {
      chain: { type: 'boolean' },
      projections: { type: 'boolean' },
      keyring: { type: 'boolean' },
      score: { type: 'string' },
      scores: { type: 'boolean' },
      value: { type: 'string' },
      sample: { type: 'string' },
    });
    const asked = [values.chain, values.projections, values.keyring, values.score !== undefined, values.scores].filter(
      Boolean,
    ).length;
    if (asked !== 1 || positionals.length > 0)
      throw new UsageError('verify takes one of --chain, --projections, --keyring, --score ID|FILE|-, --scores');
    if (values.value !== undefined && values.score === undefined) throw new UsageError('--value goes with --score');
    if (values.sample !== undefined && !(values.scores && /^[1-9]\d{0,6}$/.test(values.sample)))
      throw new UsageError(`--sample ${values.sample}: a whole number from 1 on, with --scores`);
    const value = values.value === undefined ? undefined : numberOf(values.value);
    const scores = values.score === undefined ? null : scoresOf(values.score);
    if (values.chain) return verifyChainCommand(dataDirOf(values['data-dir']), values.json, io);
    return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
      if (values.projections) return projections(client, values.json, io);
      if (values.keyring) return keyring(client, values.json, io);
      if (scores === null) return stored(client, values.sample ?? '10000', values.json, io);
      return replayed(client, scores, value, values.json, io);
    });
  },
};

interface Given {
  score_id: string;
  given: Record<string, unknown>;
}

function numberOf(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new UsageError(`--value ${text}: a number, like 0.3127`);
  return value;
}

/** An id as it is, or the answers of a file or of standard input: one, or `items` of a question with several. */
function scoresOf(text: string): Given[] {
  const isFile = text === '-' || existsSync(text);
  if (!isFile && /^[\w-]{60,200}$/.test(text)) return [{ score_id: text, given: {} }];
  const where = text === '-' ? 'standard input' : text;
  if (!isFile) {
    // A word without a dot or slash was meant as an id: the server says what is wrong with it.
    if (/^[\w-]+$/.test(text)) return [{ score_id: text, given: {} }];
    throw new UsageError(`--score ${text}: there is no such file; give a score_id, a file with the JSON answer, or -`);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(text === '-' ? 0 : text, 'utf8'));
  } catch (error) {
    throw new UsageError(`${where} is not JSON (${(error as Error).message}); give the answer as it came`);
  }
  const list = (parsed as { items?: unknown[] } | null)?.items ?? (Array.isArray(parsed) ? parsed : [parsed]);
  const answers = list.filter(
    (each): each is Record<string, unknown> & { score_id: string } =>
      typeof (each as { score_id?: unknown } | null)?.score_id === 'string',
  );
  if (answers.length === 0)
    throw new UsageError(`${where} holds no answer with a score_id; only predictions of a known customer have one`);
  // Numbers only: who the customer is has no part in it.
  return answers.map(({ score_id, ...rest }) => ({
    score_id,
    given: Object.fromEntries(Object.entries(rest).filter(([, each]) => each === null || typeof each === 'number')),
  }));
}

async function replayed(
  client: Client,
  scores: Given[],
  value: number | undefined,
  json: boolean | undefined,
  io: Io,
): Promise<number> {
  const answers: (Replay & { score_id: string })[] = [];
  for (const { score_id, given } of scores) {
    const body = { score_id, given, ...(value === undefined ? {} : { value }) };
    answers.push({ score_id, ...(await client.call<Replay>('POST', '/api/verify/score', body)) });
  }
  print(io, json, answers.length === 1 ? answers[0] : { items: answers }, () => answers.map(inWords).join('\n\n'));
  for (const { verdict, detail } of answers) if (EXIT[verdict] !== 0) io.stderr(`axiom47: ${verdict}: ${detail}\n`);
  return Math.max(...answers.map(({ verdict }) => EXIT[verdict]));
}

function inWords({ verdict, detail, differences, replayed: answer }: Replay): string {
  const lines = [`${verdict}: ${detail}`];
  for (const { name, given, replayed: now } of differences)
    lines.push(`  ${name}: given ${given}, computed again ${now}`);
  if (answer !== null && differences.length === 0)
    for (const [name, each] of Object.entries(answer)) if (typeof each === 'number') lines.push(`  ${name} ${each}`);
  return lines.join('\n');
}

async function projections(client: Client, json: boolean | undefined, io: Io): Promise<number> {
  const report = await client.call<LedgersReport>('POST', '/api/verify/projections');
  const { gateway, stream, tables, mismatches } = report;
  print(io, json, report, () =>
    [
      `log position ${stream.last}, sealed up to ${stream.sealed_to}`,
      `gateway ${gateway.gateway}, epoch ${gateway.epoch}: ${gateway.acknowledged} events acknowledged, ${gateway.applied} applied`,
      `tables at ${tables.events} and ${tables.customers}: ${tables.rows} rows compared since the start`,
      ...(report.ok ? ['They agree.'] : []),
    ].join('\n'),
  );
  for (const { ledger, seq, sid, detail } of mismatches)
    io.stderr(`axiom47: ${ledger}, log position ${seq}${sid === null ? '' : `, customer ${sid}`}: ${detail}\n`);
  if (report.trouble !== null) io.stderr(`axiom47: not all could be compared: ${report.trouble}\n`);
  return report.ok ? 0 : 1;
}

async function keyring(client: Client, json: boolean | undefined, io: Io): Promise<number> {
  const report = await client.call<KeyringReport>('POST', '/api/verify/keyring');
  print(io, json, report, () =>
    [
      `${report.sids} ids in the log (${report.erased} erased), ${report.mappings} mappings in the keyring`,
      ...(report.unused > 0
        ? [
            `${report.unused} mappings of which the log holds nothing: normal after a crash, because the keyring commits first`,
          ]
        : []),
      ...(report.ok ? ['The keyring belongs to this log.'] : []),
    ].join('\n'),
  );
  if (report.orphans > 0)
    io.stderr(
      `axiom47: ${report.orphans} ids in the log have no mapping: nobody can say who they are, and their sealed fields cannot be opened. ` +
        'The keyring is older than the log: restore the newest keyring (back up the log first and the keyring second)\n',
    );
  if (report.returned > 0)
    io.stderr(
      `axiom47: ${report.returned} erased ids have a mapping again: an older keyring has brought back what was erased. ` +
        'Restore the newest keyring, or erase these customers again (`axiom47 workspace erase CUSTOMER_ID --yes`)\n',
    );
  if (report.danglingLinks > 0)
    io.stderr(
      `axiom47: ${report.danglingLinks} links of the keyring lead nowhere; restore it from its newest backup\n`,
    );
  return report.ok ? 0 : 1;
}

async function stored(client: Client, sample: string, json: boolean | undefined, io: Io): Promise<number> {
  const report = await client.call<StoredScoresReport>('POST', `/api/verify/scores?sample=${sample}`);
  print(io, json, report, () => `${report.checked} stored scores computed again: ${report.same} the same, bit for bit`);
  if (report.different === 0) return 0;
  const [first] = report.differences;
  io.stderr(
    `axiom47: ${report.different} stored scores are not what the log gives` +
      (first === undefined
        ? '\n'
        : `; the first: ${first.name} of ${first.model_id} at ${first.seq} is ${first.stored}, computed again ${first.replayed}\n`),
  );
  return 1;
}
