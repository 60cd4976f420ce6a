import { useId } from 'react';
import { cx } from '../lib/cx.ts';

interface OptionsProps<T extends string> {
  label: string;
  value: T;
  options: { value: T; name: string; means: string; danger?: boolean }[];
  onChange: (value: T) => void;
  /** The label is a path and is shown as one. */
  mono?: boolean;
}

/** One of a few, each explained. */
export function Options<T extends string>(props: OptionsProps<T>) {
  const name = useId();
  return (
    <fieldset className="flex min-w-0 flex-col gap-1.5">
      <legend
        className={cx(
          'mb-1.5 text-sm',
          props.mono ? 'font-mono break-all text-ink' : 'font-medium text-ink-2',
        )}
      >
        {props.label}
      </legend>
      {props.options.map((option) => (
        <label
          key={option.value}
          className={cx(
            'flex cursor-pointer items-start gap-2.5 rounded-md border px-3 py-2 has-focus-visible:outline-2 has-focus-visible:outline-accent',
            option.value !== props.value && 'border-line hover:border-line-strong',
            option.value === props.value &&
              (option.danger
                ? 'border-failed-line bg-failed-tint'
                : 'border-accent bg-accent-tint'),
          )}
        >
          <input
            type="radio"
            name={name}
            checked={option.value === props.value}
            onChange={() => props.onChange(option.value)}
            className="mt-1 accent-accent"
          />
          <span>
            <span className="block font-medium text-ink">{option.name}</span>
            <span className="block text-sm text-ink-2">{option.means}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
