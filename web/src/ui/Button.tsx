import { Loader2 } from 'lucide-react';
import type { ComponentProps, ReactNode } from 'react';
import { cx } from '../lib/cx.ts';

type Tone = 'primary' | 'plain' | 'quiet' | 'danger';

const TONES: Record<Tone, string> = {
  primary:
    'bg-accent text-accent-ink border-transparent hover:brightness-110 disabled:bg-hover disabled:text-ink-3 disabled:brightness-100',
  plain: 'bg-raised text-ink border-line-strong hover:bg-hover disabled:text-ink-3',
  quiet: 'bg-transparent text-ink-2 border-transparent hover:bg-hover hover:text-ink',
  danger: 'bg-failed-tint text-failed border-failed-line hover:brightness-110',
};

interface ButtonProps extends ComponentProps<'button'> {
  tone?: Tone;
  /** The request is under way: shown, and no second press is taken. */
  busy?: boolean;
  icon?: ReactNode;
}

export function buttonClass(tone: Tone = 'plain', extra?: string): string {
  return cx(
    'inline-flex h-7 shrink-0 items-center justify-center gap-1.5 rounded-md border px-2.5 font-medium whitespace-nowrap select-none coarse:h-10 coarse:px-3.5',
    TONES[tone],
    extra,
  );
}

export function Button({ tone, busy, icon, className, children, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      disabled={rest.disabled || busy}
      aria-busy={busy || undefined}
      className={buttonClass(tone, className)}
    >
      {busy ? <Loader2 size={14} aria-hidden className="motion-safe:animate-spin" /> : icon}
      {children}
    </button>
  );
}

/** A button that is only an icon; its label is read out and shown on hover. */
export function IconButton({
  label,
  className,
  children,
  ...rest
}: ComponentProps<'button'> & { label: string }) {
  return (
    <button
      type="button"
      title={label}
      aria-label={label}
      {...rest}
      className={cx(
        'inline-flex size-7 shrink-0 items-center justify-center rounded-md text-ink-2 hover:bg-hover hover:text-ink disabled:opacity-50 coarse:size-10',
        className,
      )}
    >
      {children}
    </button>
  );
}
