/**
 * The part of a terminal that draws: xterm.js in an element of its own.
 *
 * Outlives the pages that show it; `attach` moves the element. It owns fonts, colours, keys and
 * touch. It does not know offsets or connections: bytes come in, typed bytes go out.
 */
import { FitAddon } from '@xterm/addon-fit';
import { SearchAddon } from '@xterm/addon-search';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { Terminal } from '@xterm/xterm';
import '@xterm/xterm/css/xterm.css';
import type { TerminalSize } from '../api/wire.ts';
import { type Appearance, isTerminalDark } from '../lib/appearance.ts';
import type { Screen } from './link.ts';
import { muteReports } from './mute.ts';
import { DARK, FONT_FAMILY, LIGHT } from './theme.ts';
import { widthProvider } from './widths.ts';

const SCROLLBACK_LINES = 5000;
const FONT_WAIT_MS = 1_500;
const RESET = new Uint8Array([0x1b, 0x63]);

export interface ScreenOwner {
  /** A person typed, clicked or pasted. */
  onInput(bytes: Uint8Array): void;
  /** The place on the page fits another size now. */
  onFit(size: TerminalSize): void;
  onFocus(): void;
  /** The view is at the oldest line held here. */
  onScroll(atTop: boolean, atBottom: boolean): void;
}

export class XtermScreen implements Screen {
  readonly element = document.createElement('div');
  readonly search = new SearchAddon();
  private readonly term: Terminal;
  private readonly fit = new FitAddon();
  private readonly owner: ScreenOwner;
  private readonly resized = new ResizeObserver(() => this.measure());
  private isOpen = false;
  private place: HTMLElement | null = null;
  private lastFit: TerminalSize | null = null;
  private readonly utf8 = new TextEncoder();

  constructor(owner: ScreenOwner, appearance: Appearance) {
    this.owner = owner;
    this.element.className = 'terminal-host';
    this.term = new Terminal({
      allowProposedApi: true,
      scrollback: SCROLLBACK_LINES,
      fontFamily: FONT_FAMILY,
      fontWeightBold: 600,
      // Also the width of the scrollbar.
      overviewRuler: { width: 10 },
      cursorBlink: true,
      cursorInactiveStyle: 'outline',
      rescaleOverlappingGlyphs: true,
      macOptionClickForcesSelection: true,
      linkHandler: { activate: (_event, uri) => openLink(uri) },
    });
    this.term.unicode.register(widthProvider);
    this.term.unicode.activeVersion = widthProvider.version;
    muteReports(this.term.parser);
    this.term.loadAddon(this.fit);
    this.term.loadAddon(this.search);
    this.term.loadAddon(new WebLinksAddon((_event, uri) => openLink(uri)));
    this.term.onData((text) => owner.onInput(this.utf8.encode(text)));
    this.term.onBinary((text) => owner.onInput(Uint8Array.from(text, (c) => c.charCodeAt(0))));
    // Wheel, keys, the scrollbar and output all end in a drawing.
    this.term.onRender(() => this.tellScroll());
    this.term.attachCustomKeyEventHandler((event) => this.isForProgram(event));
    this.dress(appearance);
  }

  /** Shows the terminal in a container. */
  async attach(container: HTMLElement): Promise<void> {
    this.place = container;
    container.append(this.element);
    if (!this.isOpen) {
      await fontReady(this.term.options.fontSize ?? 13);
      if (!this.element.isConnected || this.isOpen) return;
      this.isOpen = true;
      this.term.open(this.element);
      this.term.textarea?.addEventListener('focus', () => this.owner.onFocus());
      // On-screen keyboards garble this hidden field; a real one is beside it. Hardware keys work.
      if (isTouch()) this.term.textarea?.setAttribute('inputmode', 'none');
      followTouch(this.element, this.term);
    }
    this.resized.observe(container);
    this.measure();
    this.term.refresh(0, this.term.rows - 1);
  }

  detach(): void {
    this.resized.disconnect();
    this.element.remove();
  }

  dispose(): void {
    this.detach();
    this.term.dispose();
  }

  restore(size: TerminalSize, bytes: Uint8Array, done: () => void): void {
    this.resize(size);
    // Reset and contents in one write are parsed before the next frame is drawn.
    const all = new Uint8Array(RESET.length + bytes.length);
    all.set(RESET);
    all.set(bytes, RESET.length);
    this.term.write(all, done);
  }

  write(bytes: Uint8Array, done: () => void): void {
    this.term.write(bytes, done);
  }

  resize(size: TerminalSize): void {
    // After what was written before, since that was meant for the size before.
    this.term.write('', () => {
      if (this.term.cols !== size.cols || this.term.rows !== size.rows) {
        this.term.resize(size.cols, size.rows);
      }
    });
  }

  focus(): void {
    this.term.focus();
  }

  scrollToBottom(): void {
    this.term.scrollToBottom();
  }

  get selection(): string {
    return this.term.getSelection();
  }

  /** Whether the program wants pastes marked, and arrows as application keys. */
  get modes(): { bracketedPaste: boolean; applicationCursor: boolean } {
    const modes = this.term.modes;
    return {
      bracketedPaste: modes.bracketedPasteMode,
      applicationCursor: modes.applicationCursorKeysMode,
    };
  }

  dress(appearance: Appearance): void {
    const dark = isTerminalDark(appearance);
    this.term.options.theme = dark ? DARK : LIGHT;
    this.term.options.minimumContrastRatio = dark ? 1 : 4.5;
    this.term.options.fontSize = appearance.terminalFontSize;
    this.term.options.screenReaderMode = appearance.screenReader;
    this.element.dataset.tone = dark ? 'dark' : 'light';
    if (this.isOpen) this.measure();
  }

  private measure(): void {
    if (!this.isOpen || !this.element.isConnected) return;
    const size = this.fit.proposeDimensions();
    if (!size || !Number.isFinite(size.cols) || !Number.isFinite(size.rows)) return;
    const fit = {
      cols: Math.min(1000, Math.max(2, size.cols)),
      rows: Math.min(1000, Math.max(1, size.rows)),
    };
    if (isKeyboardOpening(this.lastFit, fit)) {
      this.place?.scrollTo({ top: this.place.scrollHeight });
      return;
    }
    this.lastFit = fit;
    this.owner.onFit(fit);
  }

  private tellScroll(): void {
    const buffer = this.term.buffer.active;
    this.owner.onScroll(buffer.viewportY === 0, buffer.viewportY >= buffer.baseY);
  }

  /** `false` leaves a chord to the page; everything else belongs to the program. */
  private isForProgram(event: KeyboardEvent): boolean {
    if (event.code === 'F6') return false;
    if (event.altKey && !event.ctrlKey && !event.metaKey) {
      if (event.code === 'KeyJ' || event.code === 'KeyK' || event.code === 'KeyA') return false;
    }
    if (!event.ctrlKey || !event.shiftKey || event.altKey) return true;
    if (event.code === 'KeyC' && event.type === 'keydown' && this.term.hasSelection()) {
      event.preventDefault();
      void navigator.clipboard?.writeText(this.term.getSelection());
    }
    return event.code !== 'KeyC' && event.code !== 'KeyV' && event.code !== 'KeyF';
  }
}

/**
 * An on-screen keyboard takes height away while a text field is used. The program must not be
 * drawn anew for that: the terminal keeps its rows and is scrolled instead.
 */
function isKeyboardOpening(before: TerminalSize | null, now: TerminalSize): boolean {
  if (!before || before.cols !== now.cols || now.rows >= before.rows) return false;
  const isTyping = /^(INPUT|TEXTAREA)$/.test(document.activeElement?.tagName ?? '');
  return isTyping && isTouch();
}

function isTouch(): boolean {
  return matchMedia('(pointer: coarse)').matches;
}

/** Only addresses of the web are opened, and never with a way back to this page. */
function openLink(uri: string): void {
  if (/^https?:\/\//i.test(uri)) window.open(uri, '_blank', 'noopener,noreferrer');
}

/** Cells are measured once, so the font must be there first; a missing one does not block. */
async function fontReady(size: number): Promise<void> {
  const late = new Promise((resolve) => setTimeout(resolve, FONT_WAIT_MS));
  const fonts = [`${size}px "JetBrains Mono Variable"`, `bold ${size}px "JetBrains Mono Variable"`];
  await Promise.race([late, Promise.all(fonts.map((font) => document.fonts.load(font)))]);
}

/**
 * Scrolls by a dragging finger: a grid larger than its place first, then the scrollback. A program
 * that draws the whole screen gets wheel events instead, which xterm.js sends where they belong.
 */
function followTouch(element: HTMLElement, terminal: Terminal): void {
  let y = 0;
  let rest = 0;

  function drag(distance: number): void {
    const place = element.parentElement;
    const before = place?.scrollTop;
    place?.scrollBy({ top: distance });
    if (place?.scrollTop !== before) return;
    const row = Math.max(8, element.clientHeight / Math.max(1, terminal.rows));
    rest += distance;
    const lines = Math.trunc(rest / row);
    rest -= lines * row;
    if (lines === 0) return;
    const isOwnScreen = terminal.buffer.active.type === 'alternate';
    if (isOwnScreen || terminal.modes.mouseTrackingMode !== 'none') turnWheel(element, lines);
    else terminal.scrollLines(lines);
  }

  element.addEventListener(
    'touchstart',
    (event) => {
      y = event.touches[0]?.clientY ?? 0;
      rest = 0;
    },
    { passive: true },
  );
  element.addEventListener(
    'touchmove',
    (event) => {
      const touch = event.touches[0];
      if (!touch || event.touches.length > 1) return;
      drag(y - touch.clientY);
      y = touch.clientY;
    },
    { passive: true },
  );
}

function turnWheel(element: HTMLElement, lines: number): void {
  const target = element.querySelector('.xterm-screen') ?? element;
  const { left, top } = target.getBoundingClientRect();
  const options = { deltaY: lines, deltaMode: WheelEvent.DOM_DELTA_LINE, bubbles: true };
  target.dispatchEvent(new WheelEvent('wheel', { ...options, clientX: left, clientY: top }));
}
