import type { ReactNode } from 'react';

interface SectionProps {
  name: string;
  about?: ReactNode;
  children: ReactNode;
}

/** A part of a settings page, with its heading. */
export function Section({ name, about, children }: SectionProps) {
  return (
    <section aria-label={name} className="flex flex-col gap-3">
      <div>
        <h2 className="text-md font-semibold">{name}</h2>
        {about && <p className="text-ink-2">{about}</p>}
      </div>
      {children}
    </section>
  );
}
