import { Link } from '@tanstack/react-router';
import { PanelLeftClose, PanelLeftOpen } from 'lucide-react';
import { useState } from 'react';
import { useApp } from '../../api/app-store.ts';
import { cx } from '../../lib/cx.ts';
import { remember, remembered } from '../../lib/memory.ts';
import { byUrgency, sessionState, sessionTitle } from '../../lib/state.ts';
import { IconButton } from '../../ui/Button.tsx';
import { StateMark } from '../../ui/StateMark.tsx';

/** All sessions beside the open one, most urgent first. Folds to a strip of states. */
export function Rail({ current }: { current: string }) {
  const sessions = useApp((app) => app.sessions);
  const [isOpen, setOpen] = useState(() => remembered('rail', true));
  function toggle() {
    setOpen(!isOpen);
    remember('rail', !isOpen);
  }
  return (
    <nav
      aria-label="Sessions"
      className={cx(
        'flex shrink-0 flex-col border-r border-line bg-surface max-md:hidden',
        isOpen ? 'w-58' : 'w-11',
      )}
    >
      <ul className="min-h-0 flex-1 overflow-y-auto p-1.5">
        {byUrgency(sessions).map((session) => (
          <li key={session.id}>
            <Link
              to="/sessions/$sid"
              params={{ sid: session.id }}
              title={sessionTitle(session)}
              aria-current={session.id === current ? 'page' : undefined}
              className={cx(
                'flex min-w-0 items-center gap-2 rounded-md px-2 py-1.5',
                session.id === current
                  ? 'bg-accent-tint font-medium text-ink'
                  : 'text-ink-2 hover:bg-hover hover:text-ink',
              )}
            >
              <StateMark kind={sessionState(session).kind} bare />
              <span className={isOpen ? 'min-w-0 truncate' : 'sr-only'}>
                {sessionTitle(session)}
              </span>
            </Link>
          </li>
        ))}
      </ul>
      <div className="border-t border-line p-1.5">
        <IconButton
          label={isOpen ? 'Fold the list' : 'Unfold the list'}
          aria-expanded={isOpen}
          onClick={toggle}
        >
          {isOpen ? (
            <PanelLeftClose size={15} aria-hidden />
          ) : (
            <PanelLeftOpen size={15} aria-hidden />
          )}
        </IconButton>
      </div>
    </nav>
  );
}
