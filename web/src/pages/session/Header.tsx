import { Link, lazyRouteComponent, useNavigate } from '@tanstack/react-router';
import {
  ArrowLeft,
  CirclePause,
  CircleStop,
  Coffee,
  Download,
  Ellipsis,
  Pencil,
  Play,
  RotateCw,
  SendHorizontal,
  Trash2,
} from 'lucide-react';
import { Suspense, useState } from 'react';
import { learn, useApp } from '../../api/app-store.ts';
import { change } from '../../api/queries.ts';
import type { Session, Worker } from '../../api/wire.ts';
import { can } from '../../lib/can.ts';
import { STATES, sessionState, sessionTitle } from '../../lib/state.ts';
import { useNeeds } from '../../shell/useTitle.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { Menu, MenuItem, MenuLine } from '../../ui/Menu.tsx';
import { StateMark } from '../../ui/StateMark.tsx';
import { attempt } from '../../ui/toast.ts';
import { Where } from '../dashboard/Card.tsx';
import { DeleteQuestion } from './DeleteQuestion.tsx';
import { RenameDialog } from './RenameDialog.tsx';
import { StopQuestion } from './StopQuestion.tsx';

const ExportDialog = lazyRouteComponent(() => import('./ExportDialog.tsx'), 'ExportDialog');
const IdleDialog = lazyRouteComponent(() => import('./IdleDialog.tsx'), 'IdleDialog');
const MessageDialog = lazyRouteComponent(() => import('./MessageDialog.tsx'), 'MessageDialog');

const NO_FILES: File[] = [];

type Asked = 'delete' | 'export' | 'idle' | 'message' | 'pause' | 'rename';

interface HeaderProps {
  session: Session;
  worker: Worker | undefined;
}

export function Header({ session, worker }: HeaderProps) {
  const told = sessionState(session);
  const [asked, ask] = useState<Asked | null>(null);
  const navigate = useNavigate();
  const others = useNeeds() - (STATES[told.kind].lane === 'needs' ? 1 : 0);
  const close = () => ask(null);
  return (
    <header className="flex min-w-0 items-center gap-3 border-b border-line bg-surface py-2 pr-2 pl-4 max-md:pl-1">
      <Link
        to="/"
        aria-label={others > 0 ? `To the dashboard, ${others} more need you` : 'To the dashboard'}
        className="inline-flex h-7 min-w-7 shrink-0 items-center justify-center rounded-md text-ink-2 hover:bg-hover md:hidden coarse:h-10 coarse:min-w-10"
      >
        <ArrowLeft size={16} aria-hidden />
        {others > 0 && (
          <span className="ml-0.5 text-sm font-medium text-asks tabular-nums">{others}</span>
        )}
      </Link>
      <div className="min-w-0 flex-1">
        <div className="flex min-w-0 items-center gap-3">
          <h1 className="min-w-0 truncate text-md font-semibold tracking-tight">
            {sessionTitle(session)}
          </h1>
          <StateMark kind={told.kind} />
        </div>
        <Where session={session} hideRun />
      </div>
      {worker && <WorkerActions session={session} worker={worker} />}
      <Menu
        trigger={
          <IconButton label="More about this session">
            <Ellipsis size={16} aria-hidden />
          </IconButton>
        }
      >
        <MenuItem icon={<Pencil size={14} aria-hidden />} onClick={() => ask('rename')}>
          Rename…
        </MenuItem>
        {session.paused ? (
          <MenuItem
            icon={<Play size={14} aria-hidden />}
            onClick={() => void attempt('Could not resume', () => change.resume(session.id))}
          >
            Resume
          </MenuItem>
        ) : (
          <MenuItem icon={<CirclePause size={14} aria-hidden />} onClick={() => ask('pause')}>
            Pause…
          </MenuItem>
        )}
        <MenuItem icon={<Coffee size={14} aria-hidden />} onClick={() => ask('idle')}>
          When idle…
        </MenuItem>
        <MenuLine />
        {worker && can.message(session, worker) && (
          <MenuItem icon={<SendHorizontal size={14} aria-hidden />} onClick={() => ask('message')}>
            Message with files…
          </MenuItem>
        )}
        <MenuItem icon={<Download size={14} aria-hidden />} onClick={() => ask('export')}>
          Export…
        </MenuItem>
        <MenuLine />
        <MenuItem danger icon={<Trash2 size={14} aria-hidden />} onClick={() => ask('delete')}>
          Delete…
        </MenuItem>
      </Menu>
      <Suspense>
        {asked === 'export' && <ExportDialog session={session} worker={worker} onClose={close} />}
        {asked === 'idle' && <IdleDialog session={session} onClose={close} />}
        {asked === 'message' && worker && (
          <MessageDialog session={session} worker={worker} files={NO_FILES} onClose={close} />
        )}
      </Suspense>
      <RenameDialog
        key={`${session.title}`}
        session={session}
        open={asked === 'rename'}
        onClose={close}
      />
      <StopQuestion session={session} open={asked === 'pause'} onClose={close} />
      <DeleteQuestion
        session={session}
        open={asked === 'delete'}
        onClose={close}
        onDeleted={() => {
          learn({ type: 'session-deleted', sessionId: session.id });
          void navigate({ to: '/' });
        }}
      />
    </header>
  );
}

/** Stop and restart of the tab that is shown. */
function WorkerActions({ session, worker }: { session: Session; worker: Worker }) {
  const agents = useApp((app) => app.agents);
  const restart = (continueConversation: boolean) =>
    void attempt('Could not restart', () =>
      change.restart(session.id, worker.id, continueConversation),
    );
  const canContinue = can.continue(session, worker, agents);
  return (
    <div className="flex shrink-0 items-center gap-2">
      {can.stop(session, worker) && (
        <Button
          icon={<CircleStop size={14} aria-hidden />}
          className="max-sm:hidden"
          onClick={() => void attempt('Could not stop', () => change.stop(session.id, worker.id))}
        >
          Stop
        </Button>
      )}
      {can.restart(session, worker) && (
        <Menu
          trigger={
            <Button icon={<RotateCw size={14} aria-hidden />} aria-label={`Restart ${worker.name}`}>
              <span className="max-sm:hidden">Restart</span>
            </Button>
          }
        >
          {canContinue && (
            <MenuItem onClick={() => restart(true)}>
              <Explained name="Continue" means="with its last conversation" />
            </MenuItem>
          )}
          <MenuItem onClick={() => restart(false)}>
            <Explained
              name={worker.type === 'agent' ? 'Start afresh' : 'Restart'}
              means={
                can.stop(session, worker)
                  ? 'ends the process; its output goes'
                  : 'with a new output'
              }
            />
          </MenuItem>
          {can.stop(session, worker) && (
            <MenuItem
              onClick={() =>
                void attempt('Could not stop', () => change.stop(session.id, worker.id))
              }
            >
              <Explained name="Stop" means="ends the process and what it started" />
            </MenuItem>
          )}
        </Menu>
      )}
    </div>
  );
}

function Explained({ name, means }: { name: string; means: string }) {
  return (
    <span className="flex flex-col">
      <span className="font-medium">{name}</span>
      <span className="text-sm text-ink-2">{means}</span>
    </span>
  );
}
