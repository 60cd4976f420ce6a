import type { CSSProperties } from 'react';
import { useApp } from '../../api/app-store.ts';
import type { Session } from '../../api/wire.ts';
import { cx } from '../../lib/cx.ts';
import { byUrgency, type Lane, STATES, sessionState } from '../../lib/state.ts';
import { Card } from './Card.tsx';
import { Checks } from './Checks.tsx';
import { Composer } from './Composer.tsx';

const LANES: { lane: Lane; name: string; empty: string; tone: string }[] = [
  { lane: 'needs', name: 'Needs you', empty: 'No agent is waiting on you.', tone: 'text-asks' },
  { lane: 'working', name: 'Working', empty: 'No agent is at work.', tone: 'text-working' },
  {
    lane: 'quiet',
    name: 'Quiet',
    empty: 'Idle, ended and paused sessions rest here.',
    tone: 'text-ink-2',
  },
];

export function Dashboard() {
  const sessions = useApp((app) => app.sessions);
  const lanes = LANES.map((lane) => ({
    ...lane,
    sessions: byUrgency(sessions).filter(
      (session) => STATES[sessionState(session).kind].lane === lane.lane,
    ),
  }));
  // An empty lane keeps its place but leaves the room to the others.
  const columns = lanes.map((lane) =>
    lane.sessions.length === 0 ? 'minmax(0, 190px)' : 'minmax(0, 1fr)',
  );
  return (
    <div className="h-full overflow-y-auto">
      <div className="mx-auto flex w-full max-w-[1480px] flex-col gap-5 p-4 max-sm:p-3">
        <h1 className="sr-only">Dashboard</h1>
        <div className="mx-auto w-full max-w-[860px]">
          <Composer />
        </div>
        {sessions.length === 0 ? (
          <Checks />
        ) : (
          <div
            className="grid items-start gap-4 lg:grid-cols-(--lanes)"
            style={{ '--lanes': columns.join(' ') } as CSSProperties}
          >
            {lanes.map(({ lane, ...rest }) => (
              <LaneColumn key={lane} {...rest} />
            ))}
          </div>
        )}
      </div>
    </div>
  );
}

interface LaneColumnProps {
  name: string;
  empty: string;
  tone: string;
  sessions: Session[];
}

function LaneColumn({ name, empty, tone, sessions }: LaneColumnProps) {
  const isEmpty = sessions.length === 0;
  return (
    <section
      aria-label={name}
      className={cx('flex min-w-0 flex-col gap-2', isEmpty && 'max-lg:hidden')}
    >
      <h2 className="flex items-baseline gap-2 px-0.5 text-sm font-medium">
        <span className={isEmpty ? 'text-ink-3' : tone}>{name}</span>
        <span className="text-ink-3 tabular-nums">{sessions.length}</span>
      </h2>
      {isEmpty && (
        <p className="rounded-lg border border-dashed border-line px-3 py-4 text-ink-3">{empty}</p>
      )}
      <div className="grid items-start gap-2 grid-cols-[repeat(auto-fill,minmax(min(320px,100%),1fr))]">
        {sessions.map((session) => (
          <Card key={session.id} session={session} />
        ))}
      </div>
    </section>
  );
}
