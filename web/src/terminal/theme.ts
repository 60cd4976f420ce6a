/** Colours of the terminal. Dark is the default also on a light page: agents paint for it. */
import type { ITheme } from '@xterm/xterm';

export const DARK: ITheme = {
  background: '#0a0c10',
  foreground: '#d9dee7',
  cursor: '#8aa4ff',
  cursorAccent: '#0a0c10',
  selectionBackground: '#33415f',
  scrollbarSliderBackground: '#8b95a74d',
  scrollbarSliderHoverBackground: '#8b95a780',
  scrollbarSliderActiveBackground: '#8b95a7a6',
  black: '#1c212b',
  red: '#ff7b7b',
  green: '#5fd38d',
  yellow: '#ecc06a',
  blue: '#7aa8ff',
  magenta: '#c39bff',
  cyan: '#5cc8d7',
  white: '#c5ccd8',
  brightBlack: '#7a8497',
  brightRed: '#ff9d9d',
  brightGreen: '#86e5aa',
  brightYellow: '#f7d694',
  brightBlue: '#a3c2ff',
  brightMagenta: '#d9bfff',
  brightCyan: '#8adfea',
  brightWhite: '#f3f5f9',
};

export const LIGHT: ITheme = {
  background: '#fbfbfd',
  foreground: '#1d222c',
  cursor: '#3553d4',
  cursorAccent: '#fbfbfd',
  selectionBackground: '#c9d4fb',
  scrollbarSliderBackground: '#5b66784d',
  scrollbarSliderHoverBackground: '#5b667880',
  scrollbarSliderActiveBackground: '#5b6678a6',
  black: '#1d222c',
  red: '#b42323',
  green: '#14703c',
  yellow: '#8a5200',
  blue: '#2a4bc7',
  magenta: '#6b35c2',
  cyan: '#0b6a78',
  white: '#5b6678',
  brightBlack: '#5b6678',
  brightRed: '#c93434',
  brightGreen: '#1b7f47',
  brightYellow: '#986000',
  brightBlue: '#3b60e0',
  brightMagenta: '#7d48d4',
  brightCyan: '#127a8a',
  brightWhite: '#171b23',
};

export const FONT_FAMILY =
  '"JetBrains Mono Variable", ui-monospace, "DejaVu Sans Mono", "Noto Sans Mono CJK JP", monospace';
