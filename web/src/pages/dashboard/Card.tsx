import { Link, lazyRouteComponent } from '@tanstack/react-router';
import { Bot, Folder, GitBranch, SquareTerminal } from 'lucide-react';
import { Suspense, useEffect } from 'react';
import { useApp } from '../../api/app-store.ts';
import { queryClient, useConfig, useTail } from '../../api/queries.ts';
import type { Session, Worker } from '../../api/wire.ts';
import { cx } from '../../lib/cx.ts';
import { shorten } from '../../lib/path.ts';
import { mainWorker, STATES, sessionState, sessionTitle, workerState } from '../../lib/state.ts';
import { elapsed, useNow } from '../../lib/time.ts';
import { StateMark } from '../../ui/StateMark.tsx';
import { Reply } from './Reply.tsx';
import { useInSight } from './useInSight.ts';

const IdleWarned = lazyRouteComponent(() => import('../session/IdleWarned.tsx'), 'IdleWarned');

const TAIL_LINES = 6;
/** How often the text of a card in sight is asked for, while its program works or just lives. */
const WORKING_TAIL_EVERY_MS = 4_000;
const QUIET_TAIL_EVERY_MS = 15_000;

const FRAME = {
  asks: 'border-asks-line bg-asks-tint',
  failed: 'border-failed-line bg-failed-tint',
  working: 'border-line bg-surface hover:border-line-strong',
  done: 'border-line bg-surface hover:border-line-strong',
  mute: 'border-line bg-surface hover:border-line-strong',
} as const;

/** One session at a glance. The whole card opens it. */
export function Card({ session }: { session: Session }) {
  const told = sessionState(session);
  const { tone, lane } = STATES[told.kind];
  const worker = mainWorker(session);
  const asking = session.workers.find((one) => workerState(one).kind === 'asks');
  const title = sessionTitle(session);
  return (
    <article
      className={cx('relative flex min-w-0 flex-col gap-2 rounded-lg border p-3', FRAME[tone])}
    >
      <div className="flex items-center justify-between gap-3">
        <StateMark kind={told.kind} />
        <Elapsed since={told.since} createdAt={session.createdAt} />
      </div>
      <h3 className="line-clamp-2 text-base font-semibold break-words">
        <Link
          to="/sessions/$sid"
          params={{ sid: session.id }}
          className="after:absolute after:inset-0 after:rounded-lg"
        >
          {title}
        </Link>
      </h3>
      {told.reason && (
        <p
          className={cx(
            'line-clamp-3 break-words first-letter:uppercase',
            lane === 'needs' ? 'text-ink' : 'text-ink-2',
          )}
        >
          {told.reason}
        </p>
      )}
      <Tail session={session} worker={asking ?? worker} isQuiet={lane === 'quiet'} />
      <Suspense>
        {session.idleWarning && <IdleWarned session={session} warning={session.idleWarning} />}
      </Suspense>
      {asking && <Reply session={session} worker={asking} />}
      <Where session={session} />
    </article>
  );
}

/** How long it has been in its state; where nobody knows, how old it is. */
function Elapsed({ since, createdAt }: { since: string | undefined; createdAt: string }) {
  const now = useNow();
  return (
    <time
      dateTime={since ?? createdAt}
      className="text-xs whitespace-nowrap text-ink-2 tabular-nums"
    >
      {since ? elapsed(since, now) : `made ${elapsed(createdAt, now)} ago`}
    </time>
  );
}

/** Repository, branch and what runs, on one line. */
export function Where({ session, hideRun }: { session: Session; hideRun?: boolean }) {
  const home = useConfig().data?.homeDir;
  const agents = useApp((app) => app.agents);
  const worker = mainWorker(session);
  const agent = agents.find((one) => one.id === worker?.agentId);
  const isAgent = worker?.type === 'agent';
  const RunIcon = isAgent ? Bot : SquareTerminal;
  return (
    <p className="flex min-w-0 items-center gap-3 text-xs text-ink-2">
      {session.type === 'worktree' ? (
        <>
          <span className="max-w-[40%] min-w-0 shrink-0 truncate">{session.repositoryName}</span>
          <span className="flex min-w-0 items-center gap-1 font-mono">
            <GitBranch size={12} aria-hidden className="shrink-0" />
            <span className="truncate">{session.worktreeId}</span>
          </span>
        </>
      ) : (
        <span className="flex min-w-0 items-center gap-1 font-mono">
          <Folder size={12} aria-hidden className="shrink-0" />
          <span className="truncate">{shorten(session.locationPath, home)}</span>
        </span>
      )}
      {!hideRun && (
        <span className="ml-auto flex shrink-0 items-center gap-1">
          <RunIcon size={12} aria-hidden />
          <span className="max-sm:sr-only">{agent?.name ?? worker?.name ?? 'Empty'}</span>
        </span>
      )}
    </p>
  );
}

interface TailProps {
  session: Session;
  worker: Worker | undefined;
  isQuiet: boolean;
}

/** The newest lines of the screen, as text from the server. */
function Tail({ session, worker, isQuiet }: TailProps) {
  const workerId = worker?.id;
  const { ref, isInSight } = useInSight();
  const isAlive = isInSight && worker?.process?.state === 'running';
  const everyMs = isQuiet ? QUIET_TAIL_EVERY_MS : WORKING_TAIL_EVERY_MS;
  const { data } = useTail(session.id, workerId, isAlive ? everyMs : false);
  // A change of the session is the best hint that its screen changed as well.
  useEffect(() => {
    if (session) void queryClient.invalidateQueries({ queryKey: ['tail', workerId] });
  }, [session, workerId]);
  const lines = data?.lines.filter((line) => line.trim() !== '').slice(-TAIL_LINES) ?? [];
  if (lines.length === 0) return <div ref={ref} className="-mt-2" />;
  return (
    <pre
      ref={ref}
      className="overflow-hidden rounded-md bg-inset px-2 py-1.5 font-mono text-xs leading-[1.45] text-ink-2"
    >
      {lines.map((line, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: lines have no identity of their own
        <span key={at} className="block truncate whitespace-pre">
          {line}
        </span>
      ))}
    </pre>
  );
}
