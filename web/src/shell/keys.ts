/** The chords of the page, in one table: the listener and the help read it. */

export interface Chord {
  keys: string[];
  does: string;
}

export const CHORDS: { where: string; chords: Chord[] }[] = [
  {
    where: 'Everywhere, also in a terminal',
    chords: [
      { keys: ['Alt', 'A'], does: 'Open the next session that needs you' },
      { keys: ['Alt', 'J'], does: 'Next session' },
      { keys: ['Alt', 'K'], does: 'Previous session' },
      { keys: ['F6'], does: 'Leave the terminal' },
    ],
  },
  {
    where: 'In a terminal',
    chords: [
      { keys: ['Ctrl', 'Shift', 'F'], does: 'Search the scrollback' },
      { keys: ['Ctrl', 'Shift', 'C'], does: 'Copy' },
      { keys: ['Ctrl', 'Shift', 'V'], does: 'Paste' },
    ],
  },
  {
    where: 'When no text field is in use',
    chords: [
      { keys: ['C'], does: 'Start an agent' },
      { keys: ['G', 'D'], does: 'Dashboard' },
      { keys: ['G', 'S'], does: 'Settings' },
      { keys: ['T'], does: 'Dark or light' },
      { keys: ['?'], does: 'This list' },
    ],
  },
  {
    where: 'While writing a prompt',
    chords: [{ keys: ['Ctrl', 'Enter'], does: 'Start' }],
  },
];
