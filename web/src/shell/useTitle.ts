import { useEffect } from 'react';
import { useApp } from '../api/app-store.ts';
import { STATES, sessionState } from '../lib/state.ts';

/** How many sessions need a person. */
export function useNeeds(): number {
  return useApp(
    (app) =>
      app.sessions.filter((session) => STATES[sessionState(session).kind].lane === 'needs').length,
  );
}

/** Puts the number into the title and a dot on the icon, seen from any other tab. */
export function useTitle(): void {
  const needs = useNeeds();
  useEffect(() => {
    document.title = needs > 0 ? `(${needs}) Offshoot` : 'Offshoot';
    const icon = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
    if (icon) icon.href = needs > 0 ? '/favicon-needs.svg' : '/favicon.svg';
    return () => {
      document.title = 'Offshoot';
    };
  }, [needs]);
}
