import { useId } from 'react';
import { cx } from '../lib/cx.ts';

interface ChoiceProps<T extends string> {
  label: string;
  value: T;
  options: { value: T; label: string; disabled?: boolean }[];
  onChange: (value: T) => void;
  hideLabel?: boolean;
}

/** One of a few, all in sight. */
export function Choice<T extends string>({
  label,
  value,
  options,
  onChange,
  hideLabel,
}: ChoiceProps<T>) {
  const name = useId();
  return (
    <fieldset className="flex min-w-0 flex-col gap-1">
      <legend className={cx('mb-1 text-sm font-medium text-ink-2', hideLabel && 'sr-only')}>
        {label}
      </legend>
      <div className="flex rounded-md border border-line-strong bg-canvas p-0.5">
        {options.map((option) => (
          <label
            key={option.value}
            className={cx(
              'relative flex h-7 flex-1 cursor-pointer items-center justify-center rounded-sm px-2 whitespace-nowrap has-focus-visible:outline-2 has-focus-visible:outline-accent coarse:h-10',
              option.value === value
                ? 'bg-hover font-medium text-ink'
                : 'text-ink-2 hover:text-ink has-disabled:cursor-default has-disabled:text-ink-3',
            )}
          >
            <input
              type="radio"
              name={name}
              value={option.value}
              checked={option.value === value}
              disabled={option.disabled}
              onChange={() => onChange(option.value)}
              className="absolute inset-0 cursor-[inherit] opacity-0"
            />
            {option.label}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
