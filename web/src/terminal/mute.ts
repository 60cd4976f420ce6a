/**
 * Keeps xterm.js from answering the program's questions about its terminal.
 *
 * The server's screen answers them once, also while no browser looks. A second answer from here
 * would be typed into the program. What people do (keys, mouse, focus) is not touched.
 */
import type { IParser } from '@xterm/xterm';

export function muteReports(parser: IParser): void {
  const swallow = () => true;
  // Device attributes, primary, secondary and tertiary.
  parser.registerCsiHandler({ final: 'c' }, swallow);
  parser.registerCsiHandler({ prefix: '>', final: 'c' }, swallow);
  parser.registerCsiHandler({ prefix: '=', final: 'c' }, swallow);
  // Status and cursor position.
  parser.registerCsiHandler({ final: 'n' }, swallow);
  parser.registerCsiHandler({ prefix: '?', final: 'n' }, swallow);
  // Modes, version, keyboard protocol, settings.
  parser.registerCsiHandler({ intermediates: '$', final: 'p' }, swallow);
  parser.registerCsiHandler({ prefix: '?', intermediates: '$', final: 'p' }, swallow);
  parser.registerCsiHandler({ prefix: '>', final: 'q' }, swallow);
  parser.registerCsiHandler({ prefix: '?', final: 'u' }, swallow);
  parser.registerDcsHandler({ intermediates: '$', final: 'q' }, swallow);
  parser.registerDcsHandler({ intermediates: '+', final: 'q' }, swallow);
  // Window reports; moving and resizing the window is off by default.
  parser.registerCsiHandler({ final: 't' }, ([operation]) => {
    return typeof operation === 'number' && operation >= 11 && operation <= 21;
  });
  // Colours: setting one passes, asking does not.
  for (const osc of [4, 5, 10, 11, 12, 13, 14, 17, 19]) {
    parser.registerOscHandler(osc, (data) => data.split(';').includes('?'));
  }
}
