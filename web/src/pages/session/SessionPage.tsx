import { useNavigate, useParams } from '@tanstack/react-router';
import { CirclePause, FolderX, Play } from 'lucide-react';
import { type ReactNode, useEffect, useState } from 'react';
import { useApp } from '../../api/app-store.ts';
import { change } from '../../api/queries.ts';
import type { Session } from '../../api/wire.ts';
import { mainWorker, tabsOf } from '../../lib/state.ts';
import { keepOnly } from '../../terminal/registry.ts';
import { Button } from '../../ui/Button.tsx';
import { attempt } from '../../ui/toast.ts';
import { NotFound } from '../NotFound.tsx';
import { Header } from './Header.tsx';
import { IdleWarned } from './IdleWarned.tsx';
import { Line } from './Line.tsx';
import { Rail } from './Rail.tsx';
import { Tabs } from './Tabs.tsx';
import { TerminalPane } from './TerminalPane.tsx';

export function SessionPage() {
  const { sid, wid } = useParams({ strict: false });
  const sessions = useApp((app) => app.sessions);
  const session = sessions.find((one) => one.id === sid);
  useEffect(() => {
    keepOnly(new Set(sessions.flatMap((one) => one.workers.map((worker) => worker.id))));
  }, [sessions]);
  if (!session) return <NotFound what="session" />;
  return (
    <div className="flex h-full min-w-0">
      <Rail current={session.id} />
      <Opened key={session.id} session={session} wid={wid} />
    </div>
  );
}

function Opened({ session, wid }: { session: Session; wid: string | undefined }) {
  const navigate = useNavigate();
  const worker = wid ? tabsOf(session).find((one) => one.id === wid) : mainWorker(session);
  const params = { sid: session.id };
  // Opening it resumes it, so that the reason is gone by the time it could be read.
  const [rested, setRested] = useState(session.pausedBecause);
  return (
    <div className="flex min-w-0 flex-1 flex-col">
      <Header session={session} worker={worker} />
      <Tabs
        session={session}
        current={worker?.id}
        onOpen={(id) =>
          void navigate({
            to: '/sessions/$sid/$wid',
            params: { ...params, wid: id },
            replace: true,
          })
        }
      />
      {session.idleWarning && (
        <div className="border-b border-line p-1.5">
          <IdleWarned session={session} warning={session.idleWarning} />
        </div>
      )}
      {rested && !session.paused && <Line text={rested} onDismiss={() => setRested(undefined)} />}
      {session.paused ? (
        <Paused session={session} />
      ) : worker ? (
        <TerminalPane key={worker.id} session={session} worker={worker} />
      ) : wid ? (
        <NotFound what="tab" />
      ) : (
        <Notice icon={<FolderX size={26} aria-hidden />} title="Nothing runs here">
          Open a shell with + above.
        </Notice>
      )}
    </div>
  );
}

function Paused({ session }: { session: Session }) {
  const byRule = session.pausedBecause !== undefined;
  useEffect(() => {
    // What a rule paused starts again when it is opened; what a person paused waits for a person.
    if (byRule) void attempt('Could not resume', () => change.resume(session.id));
  }, [byRule, session.id]);
  return (
    <Notice icon={<CirclePause size={26} aria-hidden />} title="This session is paused">
      <p>
        {session.pausedBecause === undefined
          ? 'Its processes were ended; directory, branch and output are kept.'
          : `It was ${session.pausedBecause}.`}
      </p>
      <Button
        tone="primary"
        className="mt-3"
        icon={<Play size={13} aria-hidden />}
        onClick={() => void attempt('Could not resume', () => change.resume(session.id))}
      >
        Resume
      </Button>
    </Notice>
  );
}

interface NoticeProps {
  icon: ReactNode;
  title: string;
  children: ReactNode;
}

function Notice({ icon, title, children }: NoticeProps) {
  return (
    <div className="flex flex-1 flex-col items-center justify-center px-5 text-center text-ink-2">
      <span className="mb-3 text-ink-3">{icon}</span>
      <h2 className="text-md font-semibold text-ink">{title}</h2>
      {children}
    </div>
  );
}
