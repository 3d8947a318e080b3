// The router, with the shell around its pages.
import { createRouter } from '@tanstack/react-router';
import { Shell } from './components/shell.tsx';
import { ErrorState } from './components/states.tsx';
import { parseSearch, rootRoute, shellRoute, stringifySearch } from './routes.ts';
import { routeTree } from './views/catalogue.ts';
import { NotFoundState, NotFoundView } from './views/not-found.tsx';

shellRoute.update({ component: Shell });
rootRoute.update({ notFoundComponent: NotFoundView });

export const router = createRouter({
  routeTree,
  parseSearch,
  stringifySearch,
  defaultPreload: 'intent',
  scrollRestoration: true,
  defaultErrorComponent: ({ error, reset }) => (
    <ErrorState error={error instanceof Error ? error : new Error(String(error))} retry={reset} />
  ),
  defaultNotFoundComponent: NotFoundState,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
