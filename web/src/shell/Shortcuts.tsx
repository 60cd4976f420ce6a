import { Dialog } from '../ui/Dialog.tsx';
import { Kbd } from '../ui/Kbd.tsx';
import { CHORDS } from './keys.ts';

export function Shortcuts({ onClose }: { onClose: () => void }) {
  return (
    <Dialog open onClose={onClose} title="Keyboard">
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
