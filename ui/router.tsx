// The router, with the shell around its pages.
import { createRouter, Link } from '@tanstack/react-router';
import { Shell } from './components/shell.tsx';
import { ErrorState, State } from './components/states.tsx';
import { parseSearch, shellRoute, stringifySearch } from './routes.ts';
import { routeTree } from './views/catalogue.ts';

shellRoute.update({ component: Shell });

export const router = createRouter({
  routeTree,
  parseSearch,
  stringifySearch,
  defaultPreload: 'intent',
  scrollRestoration: true,
  defaultErrorComponent: ({ error, reset }) => (
    <ErrorState error={error instanceof Error ? error : new Error(String(error))} retry={reset} />
  ),
  defaultNotFoundComponent: () => (
    <main className="alone">
      <State
        icon="empty"
        title="There is no such page"
        actions={
          <Link className="ctl pri" to="/">
            Home
          </Link>
        }
      >
        <p>Perhaps the address was cut short.</p>
      </State>
    </main>
  ),
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
