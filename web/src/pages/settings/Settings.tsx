import { Link, useParams } from '@tanstack/react-router';
import { cx } from '../../lib/cx.ts';
import { NotFound } from '../NotFound.tsx';
import { General } from './General.tsx';
import { Jobs } from './Jobs.tsx';
import { Notifications } from './Notifications.tsx';
import { Repositories } from './Repositories.tsx';
import { Usage } from './Usage.tsx';

const AREAS = [
  { area: undefined, name: 'General', Page: General },
  { area: 'repositories', name: 'Repositories', Page: Repositories },
  { area: 'notifications', name: 'Notifications', Page: Notifications },
  { area: 'jobs', name: 'Jobs', Page: Jobs },
  { area: 'usage', name: 'Usage', Page: Usage },
] as const;

function intoView(link: HTMLElement | null): void {
  link?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
}

export function Settings() {
  const { area } = useParams({ strict: false });
  const shown = AREAS.find((one) => one.area === area);
  if (!shown) return <NotFound what="page" />;
  return (
    <div className="h-full overflow-y-auto">
      <div className="mx-auto flex w-full max-w-[760px] flex-col gap-8 px-4 py-6">
        <div className="flex flex-col gap-3">
          <h1 className="text-lg font-semibold tracking-tight">
            Settings<span className="sr-only">: {shown.name}</span>
          </h1>
          <nav aria-label="Settings" className="flex gap-1 overflow-x-auto border-b border-line">
            {AREAS.map((one) => (
              <Link
                key={one.name}
                // Where they do not all fit, the shown one is moved into view.
                ref={one === shown ? intoView : undefined}
                to={one.area ? '/settings/$area' : '/settings'}
                params={{ area: one.area ?? '' }}
                aria-current={one === shown ? 'page' : undefined}
                className={cx(
                  '-mb-px flex h-8 shrink-0 items-center border-b-2 px-3 coarse:h-11',
                  one === shown
                    ? 'border-accent font-medium text-ink'
                    : 'border-transparent text-ink-2 hover:text-ink',
                )}
              >
                {one.name}
              </Link>
            ))}
          </nav>
        </div>
        <shown.Page />
      </div>
    </div>
  );
}
