import { CircleHelp, ListPlus, Maximize, Paperclip, Search } from 'lucide-react';
import type { Usage, Worker } from '../../api/wire.ts';
import { usageWords } from '../../lib/usage.ts';
import type { LinkStatus } from '../../terminal/link.ts';
import { type LiveTerminal, useLinkView } from '../../terminal/registry.ts';
import { IconButton } from '../../ui/Button.tsx';

interface StatusBarProps {
  worker: Worker;
  terminal: LiveTerminal;
  /** What the session's agents used, if they tell. */
  usage: Usage | undefined;
  onSearch: () => void;
  /** Absent when nothing watches what it does. */
  onExplain?: (() => void) | undefined;
  /** Absent when it takes no messages. */
  onAttach?: (() => void) | undefined;
  /** Absent when it is no agent. */
  onPrompt?: (() => void) | undefined;
}

function words(status: LinkStatus, worker: Worker): string {
  if (status === 'refused') return 'Closed';
  if (status !== 'live') return 'Connecting…';
  const state = worker.process?.state;
  return state === 'running' || state === 'starting' ? 'Live' : 'Not running';
}

/** Facts about the terminal, in small print. */
export function StatusBar(props: StatusBarProps) {
  const { worker, terminal, usage, onSearch, onExplain, onAttach, onPrompt } = props;
  const { status, size, owner, queued } = useLinkView(terminal);
  const pid = worker.process?.pid;
  return (
    <footer className="flex h-7 shrink-0 items-center gap-3 border-t border-line bg-surface pr-1 pl-3 text-xs text-ink-3 tabular-nums coarse:h-11">
      <span className="shrink-0">{words(status, worker)}</span>
      {queued > 0 && <span className="shrink-0 text-asks">{queued} waiting to be typed</span>}
      {pid !== undefined && <span className="shrink-0">pid {pid}</span>}
      {usage && (
        <span
          className="shrink-0 max-sm:hidden"
          title="What the agents of this session used so far"
        >
          {usageWords(usage)}
        </span>
      )}
      {worker.terminalTitle && (
        <span className="min-w-0 truncate max-sm:hidden">{worker.terminalTitle}</span>
      )}
      <span className="ml-auto flex shrink-0 items-center gap-1">
        {size && (
          <span>
            {size.cols}×{size.rows}
          </span>
        )}
        {status === 'live' && !owner && (
          <button
            type="button"
            title="Another window decides the size of this terminal. Take it over."
            onClick={() => terminal.link.claim()}
            className="flex h-6 items-center gap-1 rounded-md border border-line-strong px-1.5 text-ink-2 hover:bg-hover hover:text-ink coarse:h-9"
          >
            <Maximize size={12} aria-hidden />
            Fit to me
          </button>
        )}
        {onPrompt && (
          <IconButton label="Queue a prompt" className="!h-6" onClick={onPrompt}>
            <ListPlus size={13} aria-hidden />
          </IconButton>
        )}
        {onExplain && (
          <IconButton label="Why this state" className="!h-6" onClick={onExplain}>
            <CircleHelp size={13} aria-hidden />
          </IconButton>
        )}
        {onAttach && (
          <IconButton label="Message with files" className="!h-6" onClick={onAttach}>
            <Paperclip size={13} aria-hidden />
          </IconButton>
        )}
        <IconButton label="Search (Ctrl+Shift+F)" className="!h-6" onClick={onSearch}>
          <Search size={13} aria-hidden />
        </IconButton>
      </span>
    </footer>
  );
}
