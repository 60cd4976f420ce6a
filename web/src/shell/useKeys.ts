import { useNavigate, useParams } from '@tanstack/react-router';
import { useEffect, useEffectEvent, useRef } from 'react';
import { useApp } from '../api/app-store.ts';
import { setAppearance } from '../lib/appearance.ts';
import { byUrgency, STATES, sessionState } from '../lib/state.ts';
import { focusComposer } from '../pages/dashboard/focus.ts';

/** How long a first key of two waits for the second. */
const SEQUENCE_MS = 1_000;

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

/** Listens to the chords of `keys.ts`. Keys are matched by place, not by what Alt makes of them. */
export function useKeys(onHelp: () => void): void {
  const navigate = useNavigate();
  const { sid } = useParams({ strict: false });
  const gAt = useRef(0);

  function open(id: string | undefined) {
    if (id) void navigate({ to: '/sessions/$sid', params: { sid: id } });
  }

  function step(by: number) {
    const order = byUrgency(useApp.getState().sessions).map((session) => session.id);
    const at = sid === undefined ? -1 : order.indexOf(sid);
    const next = at < 0 ? (by > 0 ? 0 : order.length - 1) : (at + by + order.length) % order.length;
    open(order[next]);
  }

  function nextNeeding() {
    const needing = byUrgency(useApp.getState().sessions).filter(
      (session) => STATES[sessionState(session).kind].lane === 'needs',
    );
    const at = needing.findIndex((session) => session.id === sid);
    open(needing[(at + 1) % needing.length]?.id);
  }

  function anywhere(event: KeyboardEvent): boolean {
    if (event.code === 'F6') {
      document.getElementById('main')?.focus();
      return true;
    }
    if (!event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return false;
    if (event.code === 'KeyJ') step(1);
    else if (event.code === 'KeyK') step(-1);
    else if (event.code === 'KeyA') nextNeeding();
    else return false;
    return true;
  }

  function plain(event: KeyboardEvent): boolean {
    if (event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target)) return false;
    if (document.querySelector('[role$="dialog"][data-open], [role="menu"][data-open]'))
      return false;
    const isSecond = event.timeStamp - gAt.current < SEQUENCE_MS;
    gAt.current = 0;
    if (isSecond && event.code === 'KeyD') void navigate({ to: '/' });
    else if (isSecond && event.code === 'KeyS') void navigate({ to: '/settings' });
    else if (event.key === '?') onHelp();
    else if (event.code === 'KeyC') void navigate({ to: '/' }).then(focusComposer);
    else if (event.code === 'KeyG') gAt.current = event.timeStamp;
    else if (event.code === 'KeyT') {
      const isLight = document.documentElement.dataset.theme === 'light';
      setAppearance({ theme: isLight ? 'dark' : 'light' });
    } else return false;
    return true;
  }

  const onKey = useEffectEvent((event: KeyboardEvent) => {
    if (anywhere(event) || plain(event)) event.preventDefault();
  });

  useEffect(() => {
    const listener = (event: KeyboardEvent) => onKey(event);
    window.addEventListener('keydown', listener);
    return () => window.removeEventListener('keydown', listener);
  }, []);
}
