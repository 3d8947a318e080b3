// The HTTP API put together: `createApp(deps)` makes a Hono app that answers `app.request(…)` without a socket. A route that names no
// permission stops it from booting. The console gets its client types from `App`.
import { randomBytes } from 'node:crypto';
import { HTTPException } from 'hono/http-exception';
import { matchedRoutes } from 'hono/route';
import { type Admission, createAdmission } from './admission.ts';
import { createConsole } from './console.ts';
import type { Deps } from './deps.ts';
import { docsRoutes } from './docs.ts';
import { createLiveFeed } from './live.ts';
import type { RequestTimer } from './metrics.ts';
import { createPredictions, type Predictions } from './predict/service.ts';
import { Problem, type ProblemReason, problemResponse, toProblem } from './problem.ts';
import { createRouter, declaredRoutes, type RouteAccess } from './route.ts';
import { accountRoutes } from './routes/account.ts';
import { batchRoutes } from './routes/batch.ts';
import { churnRoutes } from './routes/churn.ts';
import { customerRoutes } from './routes/customers.ts';
import { deadLetterRoutes } from './routes/dead-letters.ts';
import { deploymentStepRoutes } from './routes/deployment-steps.ts';
import { deploymentRoutes } from './routes/deployments.ts';
import { evaluationRoutes } from './routes/evaluations.ts';
import { eventRoutes } from './routes/events.ts';
import { exportRoutes } from './routes/export.ts';
import { featureRoutes } from './routes/features.ts';
import { healthRoutes } from './routes/health.ts';
import { homeRoutes } from './routes/home.ts';
import { importRoutes } from './routes/imports.ts';
import { jobRoutes } from './routes/jobs.ts';
import { keyRoutes } from './routes/keys.ts';
import { lateRoutes } from './routes/late.ts';
import { ledgerRoutes } from './routes/ledgers.ts';
import { logRoutes } from './routes/log.ts';
import { modelRoutes } from './routes/models.ts';
import { pastRoutes } from './routes/past.ts';
import { predictRoutes } from './routes/predict.ts';
import { quarantineRoutes } from './routes/quarantine.ts';
import { rebuildRoutes } from './routes/rebuild.ts';
import { scheduleRoutes } from './routes/schedules.ts';
import { sourceRoutes } from './routes/sources.ts';
import { streamRoutes } from './routes/stream.ts';
import { userRoutes } from './routes/users.ts';
import { verifyRoutes } from './routes/verify.ts';
import { workspaceRoutes } from './routes/workspace.ts';
import { zoneRoutes } from './routes/zone.ts';
import { ProblemSchema } from './schemas.ts';
import { createEventStreams } from './sse.ts';

/** What the hot route shares with the app: the same judge, the same buckets, the same predictions. */
export interface Core {
  admission: Admission;
  predictions: Predictions;
  routes: RouteAccess[];
}
const cores = new WeakMap<object, Core>();
export function coreOf(app: object): Core {
  const core = cores.get(app);
  if (!core) throw new Error('this app was not made by createApp');
  return core;
}

const TRACE = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/;
/** The caller's trace when it sends one (W3C), else a new one. */
export const traceOf = (traceparent: string | undefined | null): string =>
  TRACE.exec(traceparent ?? '')?.[1] ?? randomBytes(16).toString('hex');

const ofHono: Partial<Record<number, ProblemReason>> = {
  400: 'bad-field',
  404: 'not-found',
  413: 'too-large',
  415: 'unsupported-media-type',
};

/** Any error as a problem; what is not one of ours is logged with its trace and answered without its words. */
export function problemFrom(error: unknown, traceId: string, deps: Deps): Problem {
  const known = toProblem(error);
  if (known) {
    if (known.status >= 500) deps.log.warn({ reason: known.reason, traceId, detail: known.message }, 'request refused');
    return known;
  }
  if (error instanceof HTTPException) {
    const reason = ofHono[error.status];
    if (reason) return new Problem(reason, error.message || reason);
  }
  deps.log.error({ traceId, error: error instanceof Error ? error.stack : String(error) }, 'request failed');
  return new Problem('internal', `it is logged under trace ${traceId}; please report it`);
}

export function createApp(deps: Deps) {
  const admission = createAdmission(deps);
  const predictions = createPredictions(deps);
  const live = createLiveFeed(deps, predictions);
  const streams = createEventStreams(deps.metrics, admission.authenticator);
  const showConsole = createConsole(deps.uiDir);
  const timers = new Map<string, RequestTimer>();
  const timerOf = (method: string, template: string): RequestTimer => {
    const key = `${method} ${template}`;
    let timer = timers.get(key);
    if (!timer) {
      timer = deps.metrics.route(method, template);
      timers.set(key, timer);
    }
    return timer;
  };

  const base = createRouter();
  base.use('*', async (c, next) => {
    const begin = performance.now();
    c.set('traceId', traceOf(c.req.header('traceparent')));
    c.set('identify', admission.identify);
    await next();
    if (!c.res.headers.has('cache-control')) c.res.headers.set('cache-control', 'no-store');
    c.res.headers.set('x-content-type-options', 'nosniff');
    const matched = matchedRoutes(c).findLast((r) => r.method !== 'ALL');
    timerOf(c.req.method, matched?.path ?? 'console').observe(c.res.status, (performance.now() - begin) / 1000);
  });

  const app = base
    .route('/', healthRoutes(deps))
    .route('/', accountRoutes(deps))
    .route('/', keyRoutes(deps))
    .route('/', userRoutes(deps))
    .route('/', eventRoutes(deps))
    .route('/', predictRoutes(deps, predictions))
    .route('/', batchRoutes(deps, predictions))
    .route('/', customerRoutes(deps, predictions))
    .route('/', lateRoutes(deps, predictions))
    // Before those of one model: a model named compare has no page.
    .route('/', evaluationRoutes(deps))
    .route('/', modelRoutes(deps, predictions))
    .route('/', deploymentRoutes(deps))
    .route('/', deploymentStepRoutes(deps))
    .route('/', featureRoutes(deps))
    .route('/', churnRoutes(deps, predictions))
    .route('/', sourceRoutes(deps))
    .route('/', quarantineRoutes(deps))
    .route('/', deadLetterRoutes(deps))
    .route('/', importRoutes(deps, predictions))
    .route('/', logRoutes(deps, predictions))
    .route('/', verifyRoutes(deps, predictions))
    .route('/', pastRoutes(deps, predictions))
    .route('/', exportRoutes(deps, predictions))
    .route('/', ledgerRoutes(deps))
    .route('/', rebuildRoutes(deps))
    .route('/', workspaceRoutes(deps))
    .route('/', zoneRoutes(deps))
    .route('/', homeRoutes(deps, predictions, live))
    .route('/', streamRoutes(live, deps.jobs, streams))
    .route('/', jobRoutes(deps, streams))
    .route('/', scheduleRoutes(deps))
    .route(
      '/',
      docsRoutes(() => describe()),
    );

  app.onError((error, c) => {
    const problem = problemFrom(error, c.var.traceId, deps);
    if (problem.reason !== 'rate-limited') deps.metrics.refused(problem.reason);
    return problemResponse(problem, c.var.traceId);
  });
  app.notFound((c) => {
    const { path, method } = c.req;
    const reads = method === 'GET' || method === 'HEAD';
    const page = reads ? showConsole(path) : null;
    if (page) return page;
    // Somebody with a browser who has typed an address: the console says what there is. Whoever calls an API gets a problem.
    const [first] = path.slice(1).split('/');
    if (reads && c.req.header('accept')?.includes('text/html') && !served.has(first!)) {
      const none = showConsole('/');
      if (none?.status === 200) return new Response(none.body, { status: 404, headers: none.headers });
    }
    const problem = known.has(path)
      ? new Problem('method-not-allowed', `${method} is not served at ${path}`)
      : new Problem('not-found', `nothing is served at ${method} ${path}; /docs lists everything`);
    return problemResponse(problem, c.var.traceId);
  });

  const routes = declaredRoutes(app);
  const known = new Set(routes.map((route) => route.path));
  /** What addresses of the API and of the console's files begin with. */
  const served = new Set(['assets', ...routes.map(({ path }) => path.split('/')[1]!)]);
  const registry = app.openAPIRegistry;
  registry.register('Problem', ProblemSchema);
  registry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'API key ax_… or a login’s token',
  });
  registry.registerComponent('securitySchemes', 'cookie', { type: 'apiKey', in: 'cookie', name: 'axiom47_session' });
  registry.registerComponent('securitySchemes', 'writeKey', {
    type: 'http',
    scheme: 'basic',
    description: 'A source’s write key as user name',
  });
  const describe = (): object =>
    app.getOpenAPI31Document({
      openapi: '3.1.0',
      info: {
        title: 'Axiom47',
        version: deps.version,
        description: 'Churn and customer lifetime value from one event log.',
      },
    });
  cores.set(app, { admission, predictions, routes });
  return app;
}
export type App = ReturnType<typeof createApp>;
