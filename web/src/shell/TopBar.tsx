import { Link, useParams } from '@tanstack/react-router';
import { Keyboard, Plus, Settings } from 'lucide-react';
import { useApp } from '../api/app-store.ts';
import { cx } from '../lib/cx.ts';
import { type Lane, STATES, sessionState } from '../lib/state.ts';
import { focusComposer } from '../pages/dashboard/focus.ts';
import { buttonClass, IconButton } from '../ui/Button.tsx';
import { Mark } from '../ui/Mark.tsx';

export function TopBar({ onHelp }: { onHelp: () => void }) {
  // On a small screen a session needs the room, and has its own way back.
  const { sid } = useParams({ strict: false });
  return (
    <header
      className={cx(
        'flex h-11 shrink-0 items-center gap-3 border-b border-line bg-surface px-3 coarse:h-13',
        sid && 'max-md:hidden',
      )}
    >
      <Link
        to="/"
        className="flex items-center gap-2 rounded-md py-1 pr-2 pl-1 font-semibold tracking-tight hover:bg-hover coarse:h-10"
      >
        <Mark />
        Offshoot
      </Link>
      <StatusLine />
      <nav aria-label="Main" className="ml-auto flex items-center gap-1">
        <Link
          to="/"
          onClick={focusComposer}
          className={buttonClass('quiet', 'max-sm:hidden')}
          title="Start an agent (c)"
        >
          <Plus size={15} aria-hidden />
          New
        </Link>
        <IconButton label="Keyboard (?)" onClick={onHelp} className="max-sm:hidden">
          <Keyboard size={16} aria-hidden />
        </IconButton>
        <Link
          to="/settings"
          aria-label="Settings"
          title="Settings"
          className="inline-flex size-7 items-center justify-center rounded-md text-ink-2 hover:bg-hover hover:text-ink coarse:size-10"
        >
          <Settings size={16} aria-hidden />
        </Link>
      </nav>
    </header>
  );
}

/** The whole house in one sentence. */
function StatusLine() {
  const sessions = useApp((app) => app.sessions);
  const isReady = useApp((app) => app.isReady);
  const isConnected = useApp((app) => app.isConnected);
  const count: Record<Lane, number> = { needs: 0, working: 0, quiet: 0 };
  for (const session of sessions) count[STATES[sessionState(session).kind].lane] += 1;
  if (!isReady) return null;
  return (
    <p className={cx('min-w-0 truncate text-ink-3', !isConnected && 'opacity-70')}>
      {count.needs > 0 && (
        <Link to="/" className="font-medium text-asks hover:underline">
          {count.needs === 1 ? '1 needs you' : `${count.needs} need you`}
        </Link>
      )}
      {count.needs > 0 && count.working > 0 && <span aria-hidden> · </span>}
      {count.working > 0 && <span className="text-working">{count.working} working</span>}
      {count.needs + count.working === 0 && sessions.length > 0 && 'All quiet'}
    </p>
  );
}
