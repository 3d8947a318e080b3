// Jobs planned in a time zone, from the command line: what comes after the moment is what the command of that name takes.
import { type Client, dataDirOf, withServer } from '../client.ts';
import { readBacktest } from './backtest.ts';
import { type Command, UsageError } from './command.ts';
import { namedVersions, readEvaluate } from './evaluate-model.ts';
import { parseCommand, print, table } from './options.ts';
import { readScore } from './score.ts';
import { readTrain } from './train.ts';

interface Asked {
  values: Readonly<Record<string, string | boolean | string[] | undefined>>;
  body: object & { models?: string[]; deploy?: boolean };
}
const KINDS: Readonly<Record<string, (argv: string[]) => Asked>> = {
  score: readScore,
  train: readTrain,
  backtest: readBacktest,
  evaluate: readEvaluate,
};
const VERBS = ['pause', 'resume', 'remove', 'run'] as const;

interface Schedule {
  id: string;
  cron: string;
  zone: string;
  kind: string;
  status: string;
  /** Why the program paused it by itself. */
  paused_because: string | null;
  params: Record<string, unknown>;
  next: string[];
  last: { planned: string; job: string | null; refused: string | null; missed: number } | null;
}

export const schedule: Command = {
  name: 'schedule',
  summary:
    'score, train, backtest or evaluate by themselves, at moments in a time zone: create, list, pause, resume, remove, run',
  help: `
axiom47 schedule create "MINUTE HOUR DAY MONTH WEEKDAY" [--zone ZONE] score|train|backtest|evaluate […] [--data-dir DIR] [--json]
axiom47 schedule list [--data-dir DIR] [--json]
axiom47 schedule pause|resume|remove|run ID [--data-dir DIR] [--json]

After the moment stands what the command of that name takes: score (its file is kept by the server: \`schedule list\` shows the job, GET
/api/jobs/ID/result its file), train churn --deploy, backtest --horizon 90d, evaluate --model ID (an alias is
the version it means now; without --at the latest cut-off whose outcomes have settled). --zone is an IANA time zone, UTC when left out.
Where a change of clocks leaves a local time out, the run comes right after the gap; a local time that comes twice runs at its first coming; what
runs every so many minutes or hours goes on through both. One moment runs once, whatever is restarted. Of moments that passed while the server was
off the latest is run, and the run says how many were missed; while a job of the run before is not over, the next run is left out.
pause: what comes meanwhile is left out for good. remove: its jobs stay. run: its job at once, beside the plan.

Example: axiom47 schedule create "0 3 * * *" --zone Europe/Sofia score --no-quantiles
Example: axiom47 schedule create "0 4 * * 1" --zone Europe/Sofia train churn --deploy
Example: axiom47 schedule create "0 5 1 * *" --zone Europe/Sofia evaluate --model churn_model@champion --model churn_model@challenger
`,
  async run(argv, io) {
    const kindAt = argv[0] === 'create' ? argv.findIndex((word, i) => i > 0 && Object.hasOwn(KINDS, word)) : -1;
    const own = kindAt < 0 ? argv : argv.slice(0, kindAt);
    const { values, positionals } = parseCommand(own, { zone: { type: 'string' } });
    const [verb = 'list', about, ...more] = positionals;
    if (verb === 'create') {
      if (about === undefined || more.length > 0 || kindAt < 0)
        throw new UsageError(
          'schedule create "0 3 * * *" --zone Europe/Sofia score|train|backtest|evaluate …: the moment in quotes, then what to do',
        );
      const { json, dataDir, body } = bodyOf(argv[kindAt]!, argv.slice(kindAt + 1));
      return withServer(dataDirOf(values['data-dir'] ?? dataDir), { io }, async (client) => {
        const zone = values.zone === undefined ? {} : { zone: values.zone };
        const params = body.models ? { ...body, models: await namedVersions(client, body.models) } : body;
        const asked = { cron: about, ...zone, kind: argv[kindAt], params };
        const made = await client.call<Schedule>('POST', '/api/schedules', asked);
        print(io, values.json ?? json, made, () => described(made));
        return 0;
      });
    }
    if (verb !== 'list' && (!VERBS.some((each) => each === verb) || about === undefined || more.length > 0))
      throw new UsageError(`schedule create, list, or ${VERBS.join(', ')} with an id`);
    return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
      if (verb === 'list') {
        const { items } = await client.call<{ items: Schedule[] }>('GET', '/api/schedules');
        print(io, values.json, items, () => listed(items));
        return 0;
      }
      if (verb === 'run') {
        const job = await client.call<{ id: string; kind: string }>('POST', `/api/schedules/${about}/run`, {});
        print(io, values.json, job, () => `job ${job.id} (${job.kind}) was asked for`);
        return 0;
      }
      const after = await changed(client, verb, about!);
      print(io, values.json, after, () => described(after));
      return 0;
    });
  },
};

function bodyOf(kind: string, argv: string[]): { json: boolean; dataDir: string | undefined; body: Asked['body'] } {
  const { values, body } = KINDS[kind]!(argv);
  const given = (option: string) => values[option] !== undefined;
  if (given('dry-run')) throw new UsageError('a dry run is not planned: leave --dry-run out');
  if (given('svg')) throw new UsageError('a schedule runs without this command: leave --svg out');
  if (given('out'))
    throw new UsageError(
      'a schedule runs without this command: leave --out out (--format says what); the server keeps the file of each job',
    );
  const dataDir = values['data-dir'];
  return {
    json: given('json'),
    dataDir: typeof dataDir === 'string' ? dataDir : undefined,
    body: given('deploy') ? { ...body, deploy: true } : body,
  };
}

const changed = (client: Client, verb: string, id: string): Promise<Schedule> =>
  verb === 'remove'
    ? client.call<Schedule>('DELETE', `/api/schedules/${id}`)
    : client.call<Schedule>('POST', `/api/schedules/${id}/${verb}`, {});

/** In the schedule's own zone. */
const local = (at: string, zone: string): string =>
  new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' }).format(new Date(at));

function described({ id, cron, zone, kind, status, paused_because, next }: Schedule): string {
  const head = `schedule ${id}: ${kind} at "${cron}" in ${zone}`;
  if (status !== 'active') return `${head} is ${status}${paused_because ? `: ${paused_because}` : ''}`;
  return `${head}; next: ${next
    .slice(0, 3)
    .map((at) => local(at, zone))
    .join(', ')}`;
}

function listed(items: readonly Schedule[]): string {
  if (items.length === 0) return 'Nothing is planned: axiom47 schedule create "0 3 * * *" --zone Europe/Sofia score';
  return table(
    ['id', 'kind', 'at', 'zone', 'status', 'next', 'last planned', 'its job'],
    items.map(({ id, kind, cron, zone, status, paused_because, next, last }) => [
      id,
      kind,
      cron,
      zone,
      paused_because ? `${status}: ${paused_because}` : status,
      next[0] === undefined ? null : local(next[0], zone),
      last && `${local(last.planned, zone)}${last.missed > 0 ? ` (${last.missed} before it were missed)` : ''}`,
      last && (last.job ?? `none: ${last.refused}`),
    ]),
  );
}
