import { SendHorizontal } from 'lucide-react';
import { type FormEvent, type KeyboardEvent, useState } from 'react';
import { type Key, keyBytes, messageBytes } from '../../terminal/keys.ts';
import type { LiveTerminal } from '../../terminal/registry.ts';

const KEYS: { key: Key; shows: string; label: string }[] = [
  { key: 'Esc', shows: 'Esc', label: 'Esc' },
  { key: 'Tab', shows: 'Tab', label: 'Tab' },
  { key: 'Shift-Tab', shows: '⇧Tab', label: 'Shift Tab' },
  { key: 'Ctrl-C', shows: '^C', label: 'Control C' },
  { key: 'Up', shows: '↑', label: 'Up' },
  { key: 'Down', shows: '↓', label: 'Down' },
  { key: 'Left', shows: '←', label: 'Left' },
  { key: 'Right', shows: '→', label: 'Right' },
  { key: 'Enter', shows: '⏎', label: 'Enter' },
  { key: '1', shows: '1', label: '1' },
  { key: '2', shows: '2', label: '2' },
  { key: '3', shows: '3', label: '3' },
  { key: '/', shows: '/', label: 'Slash' },
];

/**
 * Typing on touch: a real text field, since on-screen keyboards garble a terminal's hidden one,
 * and a bar of the keys they lack.
 */
export function TouchInput({ terminal }: { terminal: LiveTerminal }) {
  const [text, setText] = useState('');

  function send(event?: FormEvent) {
    event?.preventDefault();
    terminal.link.input(messageBytes(text, terminal.screen.modes));
    setText('');
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault();
      send();
    }
  }

  return (
    <div className="border-t border-line bg-surface">
      <div
        role="toolbar"
        aria-label="Keys"
        className="flex gap-1.5 overflow-x-auto px-2 pt-2 [scrollbar-width:none]"
      >
        {KEYS.map(({ key, shows, label }) => (
          <button
            key={key}
            type="button"
            aria-label={label}
            // Keeps the caret, and with it the on-screen keyboard, where it is.
            onPointerDown={(event) => event.preventDefault()}
            onClick={() => terminal.link.input(keyBytes(key, terminal.screen.modes))}
            className="h-10 min-w-10 shrink-0 rounded-md border border-line-strong bg-canvas px-2.5 font-mono text-sm text-ink active:bg-hover"
          >
            {shows}
          </button>
        ))}
      </div>
      <form onSubmit={send} className="flex items-end gap-2 p-2">
        <textarea
          aria-label="Text to type"
          rows={1}
          value={text}
          enterKeyHint="send"
          autoCapitalize="off"
          placeholder="Type, Enter sends"
          onChange={(event) => setText(event.target.value)}
          onKeyDown={onKeyDown}
          className="field-sizing-content max-h-32 min-h-10 min-w-0 flex-1 resize-none rounded-md border border-line-strong bg-canvas px-3 py-2 text-[16px] leading-snug"
        />
        <button
          type="submit"
          aria-label="Send"
          className="inline-flex size-10 shrink-0 items-center justify-center rounded-md bg-accent text-accent-ink"
        >
          <SendHorizontal size={17} aria-hidden />
        </button>
      </form>
    </div>
  );
}
