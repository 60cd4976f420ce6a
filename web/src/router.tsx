import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
} from '@tanstack/react-router';
import { Dashboard } from './pages/dashboard/Dashboard.tsx';
import { NotFound } from './pages/NotFound.tsx';
import { PageFault } from './pages/PageFault.tsx';
import { Shell } from './shell/Shell.tsx';

const root = createRootRoute({ component: Shell, notFoundComponent: () => <NotFound /> });

const dashboard = createRoute({
  getParentRoute: () => root,
  path: '/',
  component: Dashboard,
});

const session = createRoute({
  getParentRoute: () => root,
  path: '/sessions/$sid',
  component: lazyRouteComponent(() => import('./pages/session/SessionPage.tsx'), 'SessionPage'),
});

const worker = createRoute({
  getParentRoute: () => root,
  path: '/sessions/$sid/$wid',
  component: lazyRouteComponent(() => import('./pages/session/SessionPage.tsx'), 'SessionPage'),
});

const settings = createRoute({
  getParentRoute: () => root,
  path: '/settings',
  component: lazyRouteComponent(() => import('./pages/settings/Settings.tsx'), 'Settings'),
});

const settingsArea = createRoute({
  getParentRoute: () => root,
  path: '/settings/$area',
  component: lazyRouteComponent(() => import('./pages/settings/Settings.tsx'), 'Settings'),
});

export const router = createRouter({
  routeTree: root.addChildren([dashboard, session, worker, settings, settingsArea]),
  defaultPreload: 'intent',
  defaultErrorComponent: PageFault,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
