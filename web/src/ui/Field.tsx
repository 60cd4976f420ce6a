import { type ComponentProps, type ReactNode, useId } from 'react';
import { cx } from '../lib/cx.ts';

export const inputClass =
  'h-8 w-full min-w-0 rounded-md border border-line-strong bg-canvas px-2.5 text-ink placeholder:text-ink-3 hover:border-ink-3 disabled:opacity-60 coarse:h-10 coarse:text-[16px]';

interface FieldProps extends Omit<ComponentProps<'input'>, 'id'> {
  label: ReactNode;
  hint?: ReactNode;
  error?: string | null;
  mono?: boolean;
}

/** A labelled line of text whose hint and error are read out with it. */
export function Field({ label, hint, error, mono, className, ...rest }: FieldProps) {
  const id = useId();
  return (
    <div className={cx('flex min-w-0 flex-col gap-1', className)}>
      <label htmlFor={id} className="text-sm font-medium text-ink-2">
        {label}
      </label>
      <input
        spellCheck={false}
        autoCapitalize="off"
        autoCorrect="off"
        {...rest}
        id={id}
        aria-invalid={error ? true : undefined}
        aria-describedby={error || hint ? `${id}-more` : undefined}
        className={cx(inputClass, mono && 'font-mono text-sm', error && 'border-failed-line')}
      />
      {(error || hint) && (
        <p id={`${id}-more`} className={cx('text-sm', error ? 'text-failed' : 'text-ink-3')}>
          {error || hint}
        </p>
      )}
    </div>
  );
}
