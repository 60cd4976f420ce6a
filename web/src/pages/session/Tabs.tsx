import { Plus, X } from 'lucide-react';
import { useState } from 'react';
import { change } from '../../api/queries.ts';
import type { Session, Worker } from '../../api/wire.ts';
import { can } from '../../lib/can.ts';
import { cx } from '../../lib/cx.ts';
import { tabsOf, workerState } from '../../lib/state.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { Question } from '../../ui/Dialog.tsx';
import { StateMark } from '../../ui/StateMark.tsx';
import { attempt } from '../../ui/toast.ts';

interface TabsProps {
  session: Session;
  current: string | undefined;
  onOpen: (workerId: string) => void;
}

/** The workers of a session. Plain buttons: the terminal below is the panel. */
export function Tabs({ session, current, onOpen }: TabsProps) {
  const [busy, setBusy] = useState(false);
  const [closing, setClosing] = useState<Worker | null>(null);

  async function addShell() {
    setBusy(true);
    await attempt('Could not open a shell', async () =>
      onOpen((await change.addShell(session.id)).id),
    );
    setBusy(false);
  }

  async function remove(worker: Worker) {
    setClosing(null);
    const done = await attempt('Could not close the tab', () =>
      change.removeWorker(session.id, worker.id),
    );
    const next = tabsOf(session).find((one) => one.id !== worker.id);
    if (done && next && worker.id === current) onOpen(next.id);
  }

  return (
    <nav
      aria-label="Tabs"
      className="flex shrink-0 items-stretch gap-0.5 overflow-x-auto border-b border-line bg-canvas px-2"
    >
      {tabsOf(session).map((worker) => {
        const isCurrent = worker.id === current;
        return (
          <div
            key={worker.id}
            className={cx(
              'group relative flex h-8 max-w-60 min-w-0 shrink-0 items-center coarse:h-11',
              isCurrent
                ? 'text-ink after:absolute after:inset-x-1 after:bottom-0 after:h-0.5 after:bg-accent'
                : 'text-ink-2 hover:text-ink',
            )}
          >
            <button
              type="button"
              aria-current={isCurrent ? 'page' : undefined}
              title={worker.terminalTitle}
              onClick={() => onOpen(worker.id)}
              className="flex h-full min-w-0 items-center gap-2 rounded-md px-2 -outline-offset-2"
            >
              <StateMark kind={workerState(worker).kind} bare size={13} />
              <span className="truncate">{worker.name}</span>
            </button>
            {worker.type === 'terminal' && isCurrent && (
              <IconButton
                label={`Close ${worker.name}`}
                className="!size-5 coarse:!size-9"
                onClick={() =>
                  can.stop(session, worker) ? setClosing(worker) : void remove(worker)
                }
              >
                <X size={12} aria-hidden />
              </IconButton>
            )}
          </div>
        );
      })}
      <IconButton
        label="Open a shell here"
        className="my-auto"
        disabled={busy || !can.addShell(session)}
        onClick={() => void addShell()}
      >
        <Plus size={15} aria-hidden />
      </IconButton>
      <Question
        open={closing !== null}
        onClose={() => setClosing(null)}
        title={`Close “${closing?.name}”?`}
        actions={
          <>
            <Button onClick={() => setClosing(null)}>Cancel</Button>
            <Button tone="danger" onClick={() => closing && void remove(closing)}>
              End it and close
            </Button>
          </>
        }
      >
        <p>The shell and everything it started end, and its output is deleted.</p>
      </Question>
    </nav>
  );
}
