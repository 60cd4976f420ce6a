import { Link } from '@tanstack/react-router';
import { Compass } from 'lucide-react';
import { buttonClass } from '../ui/Button.tsx';

/** A page, a session or a worker that is not there. */
export function NotFound({ what = 'page' }: { what?: string }) {
  return (
    <div className="mx-auto flex h-full max-w-[420px] flex-col items-start justify-center gap-3 px-5">
      <Compass size={28} aria-hidden className="text-ink-3" />
      <h1 className="text-lg font-semibold">This {what} does not exist</h1>
      <p className="text-ink-2">
        {what === 'page'
          ? 'The address is wrong, or it is from another version.'
          : 'It was deleted, or the address is wrong.'}
      </p>
      <Link to="/" className={buttonClass('plain')}>
        To the dashboard
      </Link>
    </div>
  );
}
