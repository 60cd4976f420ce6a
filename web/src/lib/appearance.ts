/** How the page looks, kept in this browser. */
import { create } from 'zustand';

export type Theme = 'system' | 'dark' | 'light';

export interface Appearance {
  theme: Theme;
  /** Agents paint for dark terminals, so a light page keeps its terminal dark unless told. */
  keepTerminalDark: boolean;
  terminalFontSize: number;
  /** Lets screen readers follow the terminal; costs speed. */
  screenReader: boolean;
}

const KEY = 'offshoot.appearance';
const DEFAULTS: Appearance = {
  theme: 'system',
  keepTerminalDark: true,
  terminalFontSize: 13,
  screenReader: false,
};

function stored(): Appearance {
  try {
    return {
      ...DEFAULTS,
      ...(JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Appearance>),
    };
  } catch {
    return DEFAULTS;
  }
}

export const useAppearance = create<Appearance>(stored);

const light = matchMedia('(prefers-color-scheme: light)');

function resolved(theme: Theme): 'dark' | 'light' {
  return theme === 'system' ? (light.matches ? 'light' : 'dark') : theme;
}

export function isTerminalDark(appearance: Appearance): boolean {
  return appearance.keepTerminalDark || resolved(appearance.theme) === 'dark';
}

function apply(appearance: Appearance): void {
  document.documentElement.dataset.theme = resolved(appearance.theme);
}

export function setAppearance(change: Partial<Appearance>): void {
  useAppearance.setState(change);
}

useAppearance.subscribe((appearance) => {
  apply(appearance);
  try {
    localStorage.setItem(KEY, JSON.stringify(appearance));
  } catch {
    // A browser without storage forgets; the page works all the same.
  }
});
light.addEventListener('change', () => useAppearance.setState({ ...useAppearance.getState() }));
apply(useAppearance.getState());
