// Every page of the console: its address, what its address carries, and where it stands in the rail. To add one, write its file and list it here.
import { createRoute, lazyRouteComponent, notFound } from '@tanstack/react-router';
import type { IconName } from '../components/icon.tsx';
import { JOB_STATUSES, type JobStatus } from '../jobs.ts';
import { SORTS, type Sort } from '../queries.ts';
import { rootRoute, shellRoute, textOf } from '../routes.ts';
import { HomeView } from './home.tsx';

const homeRoute = createRoute({ getParentRoute: () => shellRoute, path: '/', component: HomeView });

const customersRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/customers',
  validateSearch: (search): { sort?: Sort | undefined; cursor?: string | undefined } => ({
    sort: SORTS.find((sort): sort is Sort => sort === search.sort),
    cursor: textOf(search.cursor),
  }),
  component: lazyRouteComponent(() => import('./customers.tsx'), 'CustomersView'),
});

const customerRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/customers/$ref',
  validateSearch: (search): { as_of?: string | undefined } => ({ as_of: textOf(search.as_of) }),
  // Nobody's id is asked for by an address, not even by one that was typed.
  beforeLoad: ({ params: { ref } }) => {
    if (!/^sid:[0-9a-f]{32}$/.test(ref)) throw notFound();
  },
  component: lazyRouteComponent(() => import('./customer.tsx'), 'CustomerView'),
});

const jobsRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/jobs',
  validateSearch: (search): { kind?: string | undefined; status?: JobStatus | undefined } => ({
    kind: textOf(search.kind),
    status: JOB_STATUSES.find((status) => status === search.status),
  }),
  component: lazyRouteComponent(() => import('./jobs.tsx'), 'JobsView'),
});

const newJobRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/jobs/new',
  validateSearch: (search): { kind?: string | undefined; params?: string | undefined } => ({
    kind: textOf(search.kind),
    params: textOf(search.params),
  }),
  component: lazyRouteComponent(() => import('./new-job.tsx'), 'NewJobView'),
});

const schedulesRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/jobs/schedules',
  component: lazyRouteComponent(() => import('./schedules.tsx'), 'SchedulesView'),
});

const newScheduleRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/jobs/schedules/new',
  validateSearch: (
    search,
  ): {
    kind?: string | undefined;
    params?: string | undefined;
    cron?: string | undefined;
    zone?: string | undefined;
  } => ({
    kind: textOf(search.kind),
    params: textOf(search.params),
    cron: textOf(search.cron),
    zone: textOf(search.zone),
  }),
  component: lazyRouteComponent(() => import('./new-schedule.tsx'), 'NewScheduleView'),
});

const jobRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/jobs/$id',
  validateSearch: (search): { attempt?: string | undefined } => ({ attempt: textOf(search.attempt) }),
  component: lazyRouteComponent(() => import('./job.tsx'), 'JobView'),
});

const modelsRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/models',
  validateSearch: (
    search,
  ): {
    kind?: string | undefined;
    stage?: string | undefined;
    sort?: string | undefined;
    sel?: string | undefined;
  } => ({
    kind: textOf(search.kind),
    stage: textOf(search.stage),
    sort: textOf(search.sort),
    sel: textOf(search.sel),
  }),
  component: lazyRouteComponent(() => import('./models.tsx'), 'ModelsView'),
});

const compareRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/models/compare',
  validateSearch: (search): { versions?: string | undefined } => ({ versions: textOf(search.versions) }),
  component: lazyRouteComponent(() => import('./compare.tsx'), 'CompareView'),
});

const modelRoute = createRoute({
  getParentRoute: () => shellRoute,
  path: '/models/$name/$version/{-$tab}',
  validateSearch: (search): { judged?: string | undefined } => ({ judged: textOf(search.judged) }),
  component: lazyRouteComponent(() => import('./model.tsx'), 'ModelView'),
});

const loginRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/login',
  validateSearch: (search): { next?: string | undefined } => ({ next: textOf(search.next) }),
  component: lazyRouteComponent(() => import('./login.tsx'), 'LoginView'),
});

const setupRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/setup',
  validateSearch: (search): { token?: string | undefined } => ({ token: textOf(search.token) }),
  component: lazyRouteComponent(() => import('./setup.tsx'), 'SetupView'),
});

export const routeTree = rootRoute.addChildren([
  shellRoute.addChildren([
    homeRoute,
    customersRoute,
    customerRoute,
    jobsRoute,
    newJobRoute,
    schedulesRoute,
    newScheduleRoute,
    jobRoute,
    modelsRoute,
    compareRoute,
    modelRoute,
  ]),
  loginRoute,
  setupRoute,
]);

export interface RailEntry {
  title: string;
  to: '/' | '/customers' | '/models' | '/jobs';
  icon: IconName;
  group: 'see' | 'act' | 'build' | 'govern';
  /** `g` and then this. */
  key: string;
}
/** In the order of the product; a group without pages leaves no line. */
export const rail: readonly RailEntry[] = [
  { title: 'Home', to: '/', icon: 'home', group: 'see', key: 'h' },
  { title: 'Customers', to: '/customers', icon: 'customers', group: 'act', key: 'c' },
  { title: 'Models', to: '/models', icon: 'models', group: 'build', key: 'm' },
  { title: 'Jobs', to: '/jobs', icon: 'jobs', group: 'build', key: 'j' },
];
