import { Dialog } from '../ui/Dialog.tsx';
import { CHORDS } from './keys.ts';

export function Kbd({ children }: { children: string }) {
  return (
    <kbd className="inline-flex h-5 min-w-5 items-center justify-center rounded-sm border border-line-strong bg-canvas px-1 font-mono text-xs text-ink-2">
      {children}
    </kbd>
  );
}

export function Shortcuts({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Dialog open={open} onClose={onClose} title="Keyboard">
      <div className="flex flex-col gap-5">
        {CHORDS.map(({ where, chords }) => (
          <section key={where}>
            <h3 className="mb-1 text-sm font-medium text-ink-3">{where}</h3>
            <dl>
              {chords.map(({ keys, does }) => (
                <div key={does} className="flex items-center justify-between gap-4 py-1">
                  <dt>{does}</dt>
                  <dd className="flex shrink-0 gap-1">
                    {keys.map((key) => (
                      <Kbd key={key}>{key}</Kbd>
                    ))}
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
    </Dialog>
  );
}
