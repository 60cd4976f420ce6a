import { lazyRouteComponent, Outlet } from '@tanstack/react-router';
import { Suspense, useEffect, useState } from 'react';
import { useApp } from '../api/app-store.ts';
import { ConnectionBanner } from './ConnectionBanner.tsx';
import { TopBar } from './TopBar.tsx';
import { useKeys } from './useKeys.ts';
import { useTitle } from './useTitle.ts';
import { useVisibleHeight } from './useVisibleHeight.ts';

const Toasts = lazyRouteComponent(() => import('../ui/Toasts.tsx'), 'Toasts');
const Shortcuts = lazyRouteComponent(() => import('./Shortcuts.tsx'), 'Shortcuts');

/** What is around every page. */
export function Shell() {
  const [helpOpen, setHelpOpen] = useState(false);
  const isReady = useApp((app) => app.isReady);
  useKeys(() => setHelpOpen(true));
  useTitle();
  useVisibleHeight();
  return (
    <div className="flex h-[var(--visible-height,100dvh)] min-w-0 flex-col pb-[env(safe-area-inset-bottom)]">
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:fixed focus:top-2 focus:left-2 focus:z-60 focus:rounded-md focus:bg-accent focus:px-3 focus:py-2 focus:text-accent-ink"
      >
        Skip to the content
      </a>
      <TopBar onHelp={() => setHelpOpen(true)} />
      <ConnectionBanner />
      <main id="main" tabIndex={-1} className="relative min-h-0 flex-1 outline-none">
        {isReady ? <Outlet /> : <Loading />}
      </main>
      <Suspense>
        <Toasts />
      </Suspense>
      <Suspense>{helpOpen && <Shortcuts onClose={() => setHelpOpen(false)} />}</Suspense>
    </div>
  );
}

/** Shown only when it takes long enough to be noticed. */
function Loading() {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 300);
    return () => clearTimeout(timer);
  }, []);
  if (!isLate) return <h1 className="sr-only">Loading</h1>;
  return (
    <div className="mx-auto flex w-full max-w-[1480px] flex-col gap-4 p-4" aria-busy="true">
      <h1 className="sr-only">Loading</h1>
      <div className="h-36 rounded-lg bg-surface motion-safe:animate-pulse" />
      <div className="grid gap-4 lg:grid-cols-3">
        {['a', 'b', 'c'].map((key) => (
          <div key={key} className="h-40 rounded-lg bg-surface motion-safe:animate-pulse" />
        ))}
      </div>
    </div>
  );
}
