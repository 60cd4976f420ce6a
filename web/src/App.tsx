import { QueryClientProvider } from '@tanstack/react-query';
import { lazyRouteComponent, RouterProvider } from '@tanstack/react-router';
import { Suspense, useEffect } from 'react';
import { connect, disconnect } from './api/app-store.ts';
import { checkSignIn, useAuth } from './api/auth.ts';
import { queryClient } from './api/queries.ts';
import { ServerGone } from './pages/ServerGone.tsx';
import { router } from './router.tsx';

const SignIn = lazyRouteComponent(() => import('./pages/SignIn.tsx'), 'SignIn');

export function App() {
  const state = useAuth((auth) => auth.state);
  useEffect(() => void checkSignIn(), []);
  useEffect(() => {
    if (state === 'in') connect();
    if (state === 'out') {
      disconnect();
      queryClient.clear();
    }
  }, [state]);
  switch (state) {
    case 'checking':
      return null;
    case 'out':
      return (
        <Suspense>
          <SignIn />
        </Suspense>
      );
    case 'gone':
      return <ServerGone />;
    case 'in':
      return (
        <QueryClientProvider client={queryClient}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      );
  }
}
