import {
  CircleAlert,
  CircleCheck,
  CircleDashed,
  CircleHelp,
  CirclePause,
  CircleSlash,
  CircleStop,
  CircleX,
  MailX,
  SquareTerminal,
} from 'lucide-react';
import { cx } from '../lib/cx.ts';
import { STATES, type StateKind } from '../lib/state.ts';

const ICONS = {
  asks: CircleAlert,
  failed: CircleX,
  undelivered: MailX,
  limited: CircleSlash,
  stuck: CircleHelp,
  unknown: CircleHelp,
  working: Spinner,
  starting: Spinner,
  running: Spinner,
  idle: CircleDashed,
  open: SquareTerminal,
  ended: CircleCheck,
  stopped: CircleStop,
  paused: CirclePause,
} as const;

export const TONE_TEXT = {
  asks: 'text-asks',
  failed: 'text-failed',
  working: 'text-working',
  done: 'text-done',
  mute: 'text-ink-3',
} as const;

/** An open ring that turns; it stands still for people who asked for less motion. */
function Spinner({ size, className }: { size?: number; className?: string }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      strokeWidth="2.4"
      strokeLinecap="round"
      className={cx(className, 'motion-safe:animate-[spin_1.6s_linear_infinite]')}
      aria-hidden="true"
    >
      <path d="M12 3a9 9 0 1 1-8.500 6" />
    </svg>
  );
}

/** A state as icon, word and colour. `bare` leaves the word to screen readers. */
export function StateMark({
  kind,
  bare,
  size = 14,
}: {
  kind: StateKind;
  bare?: boolean;
  size?: number;
}) {
  const { word, tone } = STATES[kind];
  const Icon = ICONS[kind];
  return (
    <span className={cx('inline-flex shrink-0 items-center gap-1.5 font-medium', TONE_TEXT[tone])}>
      <Icon size={size} aria-hidden className="shrink-0" />
      <span className={bare ? 'sr-only' : undefined}>{word}</span>
    </span>
  );
}
