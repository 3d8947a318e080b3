// Deployments from the command line: gates, shadow, canary, deploy, rollback, approvals, and what a model has been through.
import { RULE_NAMES, type RuleSettings } from '#domain/deployment-rules.ts';
import { ApiError, type Client, dataDirOf, withServer } from '../client.ts';
import { type Io, UsageError } from './command.ts';
import { parseCommand, print, table } from './options.ts';

export const deployHelp = `axiom47 model deploy ID [--yes] [--reason WHY] [--dry-run]    answers everybody; promote is the same
axiom47 model gates ID                             every rule: value, limit, why, what to do
axiom47 model shadow ID --reason WHY               scored beside the active version, answers nobody
axiom47 model canary ID --percent P --reason WHY [--yes] [--dry-run]   answers P % of the customers, always the same ones
axiom47 model withdraw ID --reason WHY             out of shadow or canary
axiom47 model rollback ID [--to VERSION] --reason WHY   a canary ends; else what was active before answers again, to the last bit
axiom47 model approve ID --reason WHY [--rule RULE …]   rules that are not passed need not be (all of them without --rule)
axiom47 model rules MODEL [--set RULE=LIMIT …] [--watch RULE=LIMIT …] [--offer COST:BENEFIT] [--minutes N] [--scores N] [--reason WHY]
axiom47 model alias [challenger ID --reason WHY]   what each alias means now; the challenger is named by hand
axiom47 model alias challenger MODEL --remove --reason WHY   none is named any more: without one it is the canary
axiom47 model retire ID --reason WHY               kept, and answers no more
axiom47 model history MODEL                        every step, newest first`;

interface Gate {
  rule: string;
  value: number | null;
  limit: number | null;
  passed: boolean | null;
  applicable: boolean;
  approved: boolean;
  why: string;
  what_to_do: string | null;
}
interface Judged {
  id: string;
  stage: string;
  against: string | null;
  passed: boolean;
  gates: Gate[];
}
interface Step {
  id: string;
  stage: string;
  percent: number | null;
  seq: number | null;
  changed: boolean;
  approved?: string[];
}
interface Rules {
  rules: Record<string, { says: string; limit: number | null; watch: number | null }>;
  offer: { cost: number; benefit: number };
  least: { minutes: number; scores: number };
  /** What differs from the defaults. */
  settings: RuleSettings;
}
interface Deployment {
  model: string;
  active: string | null;
  aliases: Record<string, string | null>;
  rules: Rules;
  history: {
    at: string;
    by: string;
    event: string;
    id: string | null;
    from: string | null;
    percent: number | null;
    reason: string | null;
    automatic: boolean;
    seq: number | null;
  }[];
}

const OPTIONS = {
  yes: { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  reason: { type: 'string' },
  percent: { type: 'string' },
  to: { type: 'string' },
  rule: { type: 'string', multiple: true },
  set: { type: 'string', multiple: true },
  watch: { type: 'string', multiple: true },
  offer: { type: 'string' },
  minutes: { type: 'string' },
  scores: { type: 'string' },
  remove: { type: 'boolean' },
} as const;
type Values = ReturnType<typeof parseCommand<typeof OPTIONS>>['values'];

const VERBS = {
  deploy,
  promote: deploy,
  gates: showGates,
  shadow: step,
  canary,
  withdraw: step,
  retire: step,
  rollback,
  approve,
  rules,
  alias,
  history: showHistory,
} as const;
type Verb = keyof typeof VERBS;
export const isDeployment = (verb: string | undefined): verb is Verb =>
  verb !== undefined && Object.hasOwn(VERBS, verb);

export async function deployment(argv: string[], io: Io): Promise<number> {
  const { values, positionals } = parseCommand(argv, OPTIONS);
  const [verb, ...rest] = positionals as [Verb, ...string[]];
  const most = verb === 'alias' ? 2 : 1;
  if (rest.length > most || (rest.length === 0 && verb !== 'alias'))
    throw new UsageError(`model ${verb} needs ${verb === 'rules' || verb === 'history' ? 'a model' : 'one version'}`);
  const call = VERBS[verb];
  return withServer(dataDirOf(values['data-dir']), { io }, async (client) => {
    try {
      return await call(client, rest, values, io, verb);
    } catch (error) {
      // Refused for what was asked, in the API's own words.
      if (error instanceof ApiError && [400, 404, 409, 422].includes(error.status)) throw new UsageError(error.message);
      throw error;
    }
  });
}

const pathOf = (id: string, verb: string): string => `/api/models/${encodeURIComponent(id)}/${verb}`;
const because = ({ reason }: Values, verb: string): string => {
  const text = reason?.trim() ?? '';
  if (text === '') throw new UsageError(`model ${verb} needs --reason WHY: it stands in the model's history`);
  return text;
};
const mark = ({ passed, applicable, approved }: Gate): string =>
  !applicable ? '–' : passed === true ? 'ok' : approved ? 'approved' : passed === null ? 'unknown' : 'NO';
const short = (value: number | null): string => (value === null ? '–' : String(Number(value.toPrecision(4))));

const describeGates = ({ id, against, passed, gates }: Judged): string =>
  [
    table(
      ['rule', '', 'value', 'at most', 'why'],
      gates.map((gate) => [gate.rule, mark(gate), short(gate.value), short(gate.limit), gate.why]),
    ),
    '',
    ...gates
      .filter((gate) => gate.passed !== true && !gate.approved)
      .map(({ rule, what_to_do }) => `${rule}: ${what_to_do}`),
    `${id}${against === null ? '' : `, against ${against}`}: ${passed ? 'may answer' : 'may not answer'}`,
  ].join('\n');

async function judge(client: Client, id: string): Promise<Judged> {
  return await client.call<Judged>('GET', pathOf(id, 'gates'));
}

async function showGates(client: Client, [id]: string[], { json }: Values, io: Io): Promise<number> {
  const judged = await judge(client, id!);
  print(io, json, judged, () => describeGates(judged));
  return 0;
}

/** What would be judged, and nothing else: exit code 2 when it would be refused. */
async function preview(client: Client, id: string, { json }: Values, io: Io): Promise<number> {
  const judged = await judge(client, id);
  print(io, json, judged, () => `${describeGates(judged)}\n\nNothing was done.`);
  return judged.passed ? 0 : 2;
}

/** Carries it out; what stands in the way is approved first when --yes says so. */
async function past<T>(client: Client, id: string, { yes, reason }: Values, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof ApiError && error.reason === 'urn:axiom47:problem:gates-not-passed')) throw error;
    const gates = (error.problem.gates as Gate[]).filter((gate) => gate.passed !== true && !gate.approved);
    if (!yes)
      throw new UsageError(
        `${id} is not put in force (${gates.map(({ rule }) => rule).join(', ')}): ${gates.map(({ why, what_to_do }) => `${why}; ${what_to_do}`).join('. ')}. If you want it all the same, say --yes (with --reason WHY)`,
      );
    await client.call('POST', pathOf(id, 'approve'), {
      rules: gates.map(({ rule }) => rule),
      reason: reason ?? 'asked for on the command line with --yes',
    });
    return await act();
  }
}

async function deploy(client: Client, [id]: string[], values: Values, io: Io): Promise<number> {
  if (values['dry-run']) return await preview(client, id!, values, io);
  const { reason } = values;
  const done = await past(client, id!, values, () =>
    client.call<{ id: string; version: number; digest: string; seq: number }>(
      'POST',
      pathOf(id!, reason === undefined ? 'deploy' : 'promote'),
      ...(reason === undefined ? [] : [{ reason }]),
    ),
  );
  print(io, values.json, done, () => `${done.id} answers from log position ${done.seq} on.`);
  return 0;
}

function describeStep({ id, stage, percent, seq, changed }: Step): string {
  const where = {
    registered: 'among the registered',
    shadow: 'in shadow',
    canary: `in canary, ${percent} % of the customers`,
    active: 'active',
    retired: 'retired',
  }[stage];
  return `${id} is ${where}${changed ? '' : ', as it was'}${seq === null ? '' : ` (answers are so from log position ${seq} on)`}.`;
}

async function step(client: Client, [id]: string[], values: Values, io: Io, verb: Verb): Promise<number> {
  const done = await client.call<Step>('POST', pathOf(id!, verb), { reason: because(values, verb) });
  print(io, values.json, done, () => describeStep(done));
  return 0;
}

async function canary(client: Client, [id]: string[], values: Values, io: Io): Promise<number> {
  if (values['dry-run']) return await preview(client, id!, values, io);
  const percent = Number(values.percent);
  if (values.percent === undefined || !(percent > 0 && percent < 100))
    throw new UsageError(
      `model canary needs --percent P, more than 0 and less than 100 (${values.percent ?? 'none'} given)`,
    );
  const reason = because(values, 'canary');
  const done = await past(client, id!, values, () =>
    client.call<Step>('POST', pathOf(id!, 'canary'), { percent, reason }),
  );
  print(io, values.json, done, () => describeStep(done));
  return 0;
}

async function rollback(client: Client, [id]: string[], values: Values, io: Io): Promise<number> {
  const { to } = values;
  const body = { reason: because(values, 'rollback'), ...(to !== undefined && { to }) };
  const done = await client.call<Step>('POST', pathOf(id!, 'rollback'), body);
  print(io, values.json, done, () => describeStep(done));
  return 0;
}

async function approve(client: Client, [id]: string[], values: Values, io: Io): Promise<number> {
  const { rule } = values;
  const wrong = rule?.find((each) => !(RULE_NAMES as readonly string[]).includes(each));
  if (wrong !== undefined) throw new UsageError(`--rule ${wrong}: one of ${RULE_NAMES.join(', ')}`);
  const body = { reason: because(values, 'approve'), ...(rule !== undefined && { rules: rule }) };
  const done = await client.call<Step & { approved: string[] }>('POST', pathOf(id!, 'approve'), body);
  print(io, values.json, done, () => `${done.id}: ${done.approved.join(', ')} need not be passed.`);
  return 0;
}

async function deploymentOf(client: Client, model: string): Promise<Deployment> {
  return await client.call<Deployment>('GET', `/api/deployments/${encodeURIComponent(model.split('@')[0]!)}`);
}

/** RULE=LIMIT, or RULE=none. */
function limitsOf(given: readonly string[] | undefined, option: string): Map<string, number | null> {
  return new Map(
    (given ?? []).map((text) => {
      const [rule = '', value = ''] = text.split('=');
      const limit = value === 'none' ? null : Number(value);
      if (!(RULE_NAMES as readonly string[]).includes(rule) || value === '' || Number.isNaN(limit))
        throw new UsageError(`--${option} ${text}: RULE=NUMBER or RULE=none, of ${RULE_NAMES.join(', ')}`);
      return [rule, limit];
    }),
  );
}
function offerOf(text: string): { cost: number; benefit: number } {
  const [cost, benefit] = text.split(':').map(Number);
  if (!(cost! > 0 && benefit! > 0)) throw new UsageError(`--offer ${text}: COST:BENEFIT, both more than 0, as in 5:60`);
  return { cost: cost!, benefit: benefit! };
}
function countOf(text: string, option: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`--${option} ${text}: a whole number`);
  return Number(text);
}

async function rules(client: Client, [model]: string[], values: Values, io: Io): Promise<number> {
  const name = model!.split('@')[0]!;
  let { rules: now } = await deploymentOf(client, name);
  const [limits, watches] = [limitsOf(values.set, 'set'), limitsOf(values.watch, 'watch')];
  const { offer, minutes, scores } = values;
  if (limits.size + watches.size > 0 || offer !== undefined || minutes !== undefined || scores !== undefined) {
    // What differs from the defaults stays so, but for what is named; the defaults are not written down.
    const { settings } = now;
    const own = RULE_NAMES.map((rule) => [
      rule,
      {
        ...settings.rules?.[rule],
        ...(limits.has(rule) && { limit: limits.get(rule)! }),
        ...(watches.has(rule) && { watch: watches.get(rule)! }),
      },
    ]);
    now = await client.call<Rules>('PUT', `/api/deployments/${encodeURIComponent(name)}/rules`, {
      ...settings,
      rules: Object.fromEntries(own),
      ...(offer !== undefined && { offer: offerOf(offer) }),
      least: {
        ...settings.least,
        ...(minutes !== undefined && { minutes: countOf(minutes, 'minutes') }),
        ...(scores !== undefined && { scores: countOf(scores, 'scores') }),
      },
      reason: because(values, 'rules'),
    });
  }
  print(io, values.json, now, () =>
    [
      table(
        ['rule', 'at most', 'while watched', 'what is measured'],
        Object.entries(now.rules).map(([rule, { says, limit, watch }]) => [
          rule,
          limit === null ? 'off' : short(limit),
          watch === null ? '–' : short(watch),
          says,
        ]),
      ),
      '',
      `offer: costs ${now.offer.cost}, brings ${now.offer.benefit}; least in shadow: ${now.least.minutes} minutes, ${now.least.scores} scores`,
    ].join('\n'),
  );
  return 0;
}

async function alias(client: Client, rest: string[], values: Values, io: Io): Promise<number> {
  const [name, id] = rest;
  if (rest.length === 2) {
    if (name !== 'challenger')
      throw new UsageError(`${name} follows from the stage of a version; only the challenger is named by hand`);
    return values.remove
      ? await freeChallenger(client, id!, values, io)
      : await step(client, [id!], values, io, 'challenger' as Verb);
  }
  const { items } = await client.call<{ items: Deployment[] }>('GET', '/api/deployments');
  const shown = items.filter((each) => name === undefined || each.model === name.split('@')[0]);
  if (name !== undefined && shown.length === 0)
    throw new UsageError(`there is no model ${name}; \`axiom47 model list\` shows them all`);
  print(io, values.json, Object.fromEntries(shown.map(({ model, aliases }) => [model, aliases])), () =>
    table(
      ['model', 'alias', 'version'],
      shown.flatMap(({ model, aliases }) => Object.entries(aliases).map(([each, version]) => [model, each, version])),
    ),
  );
  return 0;
}

async function freeChallenger(client: Client, model: string, values: Values, io: Io): Promise<number> {
  const freed = await client.call<{ model: string; challenger: string | null; changed: boolean }>(
    'DELETE',
    `/api/deployments/${encodeURIComponent(model.split('@')[0]!)}/challenger`,
    { reason: because(values, 'alias challenger --remove') },
  );
  print(io, values.json, freed, () => {
    const now = freed.challenger === null ? 'it has none now' : `its challenger is the canary, ${freed.challenger}`;
    return `${freed.model}: ${freed.changed ? 'none is named the challenger any more' : 'none was named the challenger'}; ${now}.`;
  });
  return 0;
}

/** `challenger-named` without a version says that none is named any more. */
const stepName = ({ event, id, percent }: Deployment['history'][number]): string =>
  event === 'model.challenger-named' && id === null
    ? 'challenger-freed'
    : `${event.slice('model.'.length)}${percent === null ? '' : ` ${percent} %`}`;

async function showHistory(client: Client, [model]: string[], { json }: Values, io: Io): Promise<number> {
  const { history } = await deploymentOf(client, model!);
  print(io, json, history, () =>
    table(
      ['when', 'what', 'version', 'by', 'from position', 'why'],
      history.map((each) => [
        each.at,
        stepName(each),
        each.id,
        each.automatic ? 'the program' : each.by,
        each.seq === null ? null : String(each.seq),
        each.reason,
      ]),
    ),
  );
  return 0;
}
