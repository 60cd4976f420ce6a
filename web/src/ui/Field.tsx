import { type ComponentProps, type ReactNode, useId } from 'react';
import { cx } from '../lib/cx.ts';

export const inputClass =
  'h-8 w-full min-w-0 rounded-md border border-line-strong bg-canvas px-2.5 text-ink placeholder:text-ink-3 hover:border-ink-3 disabled:opacity-60 coarse:h-10 coarse:text-[16px]';

interface Labels {
  label: ReactNode;
  hint?: ReactNode;
  error?: string | null;
}

interface LabelledProps extends Labels {
  className?: string;
  /** What is labelled, given what it carries so that the label, the hint and the error belong to it. */
  children: (carried: {
    id: string;
    'aria-invalid': true | undefined;
    'aria-describedby': string | undefined;
  }) => ReactNode;
}

/** What is typed into, below its label and above its hint or error, which are read out with it. */
function Labelled({ label, hint, error, className, children }: LabelledProps) {
  const id = useId();
  const more = error || hint;
  return (
    <div className={cx('flex min-w-0 flex-col gap-1', className)}>
      <label htmlFor={id} className="text-sm font-medium text-ink-2">
        {label}
      </label>
      {children({
        id,
        'aria-invalid': error ? true : undefined,
        'aria-describedby': more ? `${id}-more` : undefined,
      })}
      {more && (
        <p id={`${id}-more`} className={cx('text-sm', error ? 'text-failed' : 'text-ink-3')}>
          {more}
        </p>
      )}
    </div>
  );
}

/** No help with what is not prose. */
const verbatim = { spellCheck: false, autoCapitalize: 'off', autoCorrect: 'off' } as const;

interface FieldProps extends Labels, Omit<ComponentProps<'input'>, 'id'> {
  mono?: boolean;
}

/** A labelled line of text. */
export function Field({ label, hint, error, mono, className, ...rest }: FieldProps) {
  return (
    <Labelled label={label} hint={hint} error={error} className={className}>
      {(carried) => (
        <input
          {...verbatim}
          {...rest}
          {...carried}
          className={cx(inputClass, mono && 'font-mono text-sm', error && 'border-failed-line')}
        />
      )}
    </Labelled>
  );
}

interface LinesProps extends Labels, Omit<ComponentProps<'textarea'>, 'id'> {}

/** A labelled text of several lines, in the type of the terminal. */
export function Lines({ label, hint, error, className, ...rest }: LinesProps) {
  return (
    <Labelled label={label} hint={hint} error={error} className={className}>
      {(carried) => (
        <textarea
          rows={1}
          {...verbatim}
          {...rest}
          {...carried}
          className={cx(
            inputClass,
            'field-sizing-content !h-auto max-h-72 min-h-8 resize-none py-1.5 font-mono text-sm',
            error && 'border-failed-line',
          )}
        />
      )}
    </Labelled>
  );
}
