import { Autocomplete } from '@base-ui/react/autocomplete';
import { type ReactNode, useId, useState } from 'react';
import { cx } from '../lib/cx.ts';
import { inputClass } from './Field.tsx';
import { itemClass, popupClass } from './Menu.tsx';

export interface Suggestion {
  value: string;
  icon?: ReactNode;
  note?: string;
  /** Choosing it is a step on the way: the list stays open. */
  goesOn?: boolean;
}

interface SuggestProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  items: Suggestion[];
  /** Whether the list narrows to what is typed; otherwise the items fit already. */
  filter?: boolean;
  hideLabel?: boolean;
  placeholder?: string;
  error?: string | null;
  hint?: ReactNode;
  empty?: string | null;
  icon?: ReactNode;
  className?: string;
  inputClassName?: string;
}

/** A line of text that offers what it could be. Anything may be typed. */
export function Suggest(props: SuggestProps) {
  const id = useId();
  const [open, setOpen] = useState(false);
  const more = props.error ?? props.hint;
  function pick(item: Suggestion) {
    props.onChange(item.goesOn ? `${item.value.replace(/\/$/, '')}/` : item.value);
  }
  return (
    <div className={cx('flex min-w-0 flex-col gap-1', props.className)}>
      <label
        htmlFor={id}
        className={props.hideLabel ? 'sr-only' : 'text-sm font-medium text-ink-2'}
      >
        {props.label}
      </label>
      <Autocomplete.Root
        items={props.items}
        mode={props.filter ? 'list' : 'none'}
        itemToStringValue={(item: Suggestion) => item.value}
        value={props.value}
        onValueChange={(value, details) => {
          // Choosing is handled by the item; Escape closes the list and keeps what was typed.
          if (details.reason === 'item-press' || details.reason === 'escape-key') return;
          props.onChange(value);
        }}
        open={open && (props.items.length > 0 || Boolean(props.empty))}
        onOpenChange={(next, details) => {
          if (details.reason !== 'item-press') setOpen(next);
        }}
        openOnInputClick
        limit={50}
      >
        <div className="relative flex items-center">
          {props.icon && (
            <span className="pointer-events-none absolute left-2.5 text-ink-3">{props.icon}</span>
          )}
          <Autocomplete.Input
            id={id}
            placeholder={props.placeholder}
            spellCheck={false}
            autoCapitalize="off"
            autoCorrect="off"
            aria-invalid={props.error ? true : undefined}
            aria-describedby={more ? `${id}-more` : undefined}
            className={cx(
              inputClass,
              'font-mono text-sm',
              props.icon && 'pl-8',
              props.error && 'border-failed-line',
              props.inputClassName,
            )}
          />
        </div>
        <Autocomplete.Portal>
          <Autocomplete.Positioner sideOffset={4} className="z-50" align="start">
            <Autocomplete.Popup
              className={cx(
                popupClass,
                'max-h-[min(320px,var(--available-height))] w-[max(var(--anchor-width),260px)] max-w-[calc(100vw-24px)] overflow-y-auto',
              )}
            >
              <Autocomplete.Empty className="px-2 py-1.5 text-ink-3 empty:hidden">
                {props.empty}
              </Autocomplete.Empty>
              <Autocomplete.List>
                {(item: Suggestion) => (
                  <Autocomplete.Item
                    key={item.value}
                    value={item}
                    onClick={() => {
                      pick(item);
                      setOpen(Boolean(item.goesOn));
                    }}
                    className={cx(itemClass, 'font-mono text-sm')}
                  >
                    <span className="text-ink-3">{item.icon}</span>
                    <span className="min-w-0 flex-1 truncate">{item.value}</span>
                    {item.note && <span className="font-sans text-xs text-ink-3">{item.note}</span>}
                  </Autocomplete.Item>
                )}
              </Autocomplete.List>
            </Autocomplete.Popup>
          </Autocomplete.Positioner>
        </Autocomplete.Portal>
      </Autocomplete.Root>
      {more && (
        <p id={`${id}-more`} className={cx('text-sm', props.error ? 'text-failed' : 'text-ink-3')}>
          {more}
        </p>
      )}
    </div>
  );
}
