import { lazyRouteComponent } from '@tanstack/react-router';
import { ArrowDown, ArrowUp } from 'lucide-react';
import { type DragEvent, Suspense, useEffect, useRef, useState } from 'react';
import type { Session, Worker } from '../../api/wire.ts';
import { isTerminalDark, useAppearance } from '../../lib/appearance.ts';
import { can } from '../../lib/can.ts';
import { cx } from '../../lib/cx.ts';
import {
  type LiveTerminal,
  show,
  terminalOf,
  useLinkView,
  useScroll,
} from '../../terminal/registry.ts';
import { Button } from '../../ui/Button.tsx';
import { EndBar } from './EndBar.tsx';
import { Line } from './Line.tsx';
import { SearchBar } from './SearchBar.tsx';
import { StatusBar } from './StatusBar.tsx';
import { TouchInput } from './TouchInput.tsx';

const PromptQueue = lazyRouteComponent(() => import('./PromptQueue.tsx'), 'PromptQueue');
const Reply = lazyRouteComponent(() => import('../dashboard/Reply.tsx'), 'Reply');
const ExplainDialog = lazyRouteComponent(() => import('./ExplainDialog.tsx'), 'ExplainDialog');
const MessageDialog = lazyRouteComponent(() => import('./MessageDialog.tsx'), 'MessageDialog');

interface TerminalPaneProps {
  session: Session;
  worker: Worker;
}

/** A worker's terminal with what belongs to it: notices, search, how it ended, keys for touch. */
export function TerminalPane({ session, worker }: TerminalPaneProps) {
  const [terminal] = useState(() => terminalOf(session.id, worker.id));
  const [isSearching, setSearching] = useState(false);
  const [isExplaining, setExplaining] = useState(false);
  const [sending, setSending] = useState<File[] | null>(null);
  const [isWriting, setWriting] = useState(false);
  const isCoarse = useIsCoarse();
  const place = useRef<HTMLDivElement>(null);
  const isDark = useAppearance(isTerminalDark);
  const view = useLinkView(terminal);
  const isAlive = worker.process?.state === 'running' || worker.process?.state === 'starting';

  useEffect(() => {
    const container = place.current;
    if (!container) return;
    void terminal.screen.attach(container).then(() => {
      if (!isCoarse) terminal.screen.focus();
    });
    return () => terminal.screen.detach();
  }, [terminal, isCoarse]);

  useEffect(() => show(worker.id), [worker.id]);

  const mayMessage = can.message(session, worker);
  const drop = {
    // Files that are dropped where nothing takes them would replace the page.
    onDragOver: (event: DragEvent) => {
      if (event.dataTransfer.types.includes('Files')) event.preventDefault();
    },
    onDrop: (event: DragEvent) => {
      if (!event.dataTransfer.types.includes('Files')) return;
      event.preventDefault();
      if (mayMessage) setSending([...event.dataTransfer.files]);
    },
  };
  return (
    <section
      aria-label={`Terminal of ${worker.name}`}
      className="relative flex min-h-0 min-w-0 flex-1 flex-col"
      {...drop}
      onKeyDown={(event) => {
        if (event.ctrlKey && event.shiftKey && event.code === 'KeyF') {
          event.preventDefault();
          setSearching(true);
        }
      }}
    >
      <Rested worker={worker} />
      <Notices terminal={terminal} />
      <div className="relative flex min-h-0 min-w-0 flex-1 flex-col">
        <div
          ref={place}
          data-tone={isDark ? 'dark' : 'light'}
          className={cx(
            'terminal-place min-h-0 min-w-0 flex-1',
            !view.owner && view.size && 'is-foreign',
          )}
        />
        {isSearching && (
          <SearchBar
            search={terminal.screen.search}
            onClose={() => {
              setSearching(false);
              terminal.screen.focus();
            }}
          />
        )}
        <ScrollButtons terminal={terminal} isTouch={isCoarse} />
      </div>
      <Suspense>
        {worker.request && (
          <div className="border-t border-asks-line bg-asks-tint p-2">
            <Reply session={session} worker={worker} />
          </div>
        )}
        {worker.type === 'agent' && (
          <PromptQueue worker={worker} isWriting={isWriting} onClose={() => setWriting(false)} />
        )}
      </Suspense>
      <EndBar session={session} worker={worker} />
      {isCoarse && isAlive && <TouchInput terminal={terminal} />}
      <StatusBar
        worker={worker}
        terminal={terminal}
        usage={session.usage}
        onSearch={() => setSearching(true)}
        onPrompt={worker.type === 'agent' && isAlive ? () => setWriting(true) : undefined}
        onExplain={worker.activity ? () => setExplaining(true) : undefined}
        onAttach={mayMessage ? () => setSending([]) : undefined}
      />
      <Suspense>
        {isExplaining && <ExplainDialog worker={worker} onClose={() => setExplaining(false)} />}
        {sending && (
          <MessageDialog
            session={session}
            worker={worker}
            files={sending}
            onClose={() => setSending(null)}
          />
        )}
      </Suspense>
    </section>
  );
}

function useIsCoarse(): boolean {
  const [isCoarse, setCoarse] = useState(() => matchMedia('(pointer: coarse)').matches);
  useEffect(() => {
    const query = matchMedia('(pointer: coarse)');
    const listener = () => setCoarse(query.matches);
    query.addEventListener('change', listener);
    return () => query.removeEventListener('change', listener);
  }, []);
  return isCoarse;
}

/** Why the tab rested before it was opened here; opening it starts it again. */
function Rested({ worker }: { worker: Worker }) {
  const { state, reason: why } = worker.process ?? {};
  const [reason, setReason] = useState(state === 'stopped' ? why : undefined);
  return (
    <div role="status">
      {reason && state !== 'stopped' && (
        <Line text={reason} onDismiss={() => setReason(undefined)} />
      )}
    </div>
  );
}

/** What happened to the output or the input, said once. */
function Notices({ terminal }: { terminal: LiveTerminal }) {
  const { notice, error, status } = useLinkView(terminal);
  const text = status === 'refused' ? error?.message : notice;
  return (
    <div role="status" aria-live="polite">
      {text && (
        <Line
          text={text}
          onDismiss={status === 'refused' ? undefined : () => terminal.link.dismissNotice()}
        />
      )}
    </div>
  );
}

/** Back to the newest line, and on to older ones than are held here. */
function ScrollButtons({ terminal, isTouch }: { terminal: LiveTerminal; isTouch: boolean }) {
  const { atTop, atBottom } = useScroll(terminal);
  const { hasOlder } = useLinkView(terminal);
  return (
    <>
      {hasOlder && atTop && !atBottom && (
        <Button
          className="absolute top-2 left-1/2 z-10 -translate-x-1/2 shadow-pop"
          icon={<ArrowUp size={13} aria-hidden />}
          onClick={() => terminal.link.loadOlder()}
        >
          Load older lines
        </Button>
      )}
      {!atBottom && (
        <Button
          className="absolute right-5 bottom-3 z-10 shadow-pop"
          icon={<ArrowDown size={13} aria-hidden />}
          onClick={() => {
            terminal.screen.scrollToBottom();
            if (!isTouch) terminal.screen.focus();
          }}
        >
          Newest
        </Button>
      )}
    </>
  );
}
