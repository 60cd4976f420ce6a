/** The bytes of keys and of pasted text, as a program expects them in its modes. */

interface Modes {
  bracketedPaste: boolean;
  applicationCursor: boolean;
}

export type Key =
  | 'Esc'
  | 'Tab'
  | 'Shift-Tab'
  | 'Enter'
  | 'Ctrl-C'
  | 'Up'
  | 'Down'
  | 'Left'
  | 'Right'
  | '1'
  | '2'
  | '3'
  | '/';

const utf8 = new TextEncoder();

const PLAIN: Partial<Record<Key, string>> = {
  Esc: '\x1b',
  Tab: '\t',
  'Shift-Tab': '\x1b[Z',
  Enter: '\r',
  'Ctrl-C': '\x03',
};

const ARROWS: Partial<Record<Key, string>> = { Up: 'A', Down: 'B', Right: 'C', Left: 'D' };

export function keyBytes(key: Key, modes: Modes): Uint8Array {
  const arrow = ARROWS[key];
  if (arrow) return utf8.encode(`\x1b${modes.applicationCursor ? 'O' : '['}${arrow}`);
  return utf8.encode(PLAIN[key] ?? key);
}

/** A message and Enter. Lines in it are pasted as one, where the program can tell. */
export function messageBytes(text: string, modes: Modes): Uint8Array {
  const lines = text.replace(/\r?\n/g, '\r');
  const isPaste = modes.bracketedPaste && lines.includes('\r');
  // What ends a paste must not be inside one.
  const body = isPaste ? `\x1b[200~${lines.replaceAll('\x1b[201~', '')}\x1b[201~` : lines;
  return utf8.encode(`${body}\r`);
}
