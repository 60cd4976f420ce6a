import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useApp } from '../../api/app-store.ts';
import { useUsage } from '../../api/care.ts';
import { messageOf } from '../../api/client.ts';
import type { Usage as Used } from '../../api/wire.ts';
import { sessionTitle } from '../../lib/state.ts';
import { costWords, tokensOf, tokenWords, usageWords } from '../../lib/usage.ts';
import { Section } from './Section.tsx';

const DAYS = 30;

/** What agents used of their models in the last days. */
export function Usage() {
  const used = useUsage(DAYS);
  const sessions = useApp((state) => state.sessions);
  const data = used.data;
  const most = Math.max(1, ...(data?.days.map((day) => tokensOf(day.usage)) ?? []));
  return (
    <Section
      name="Usage"
      about={`Tokens and cost of the last ${DAYS} days, as agents report them: Claude Code with list prices, Codex without a price. Other agents report nothing.`}
    >
      {used.isError && <p className="text-failed">{messageOf(used.error)}</p>}
      {data?.days.length === 0 && (
        <p className="rounded-lg border border-dashed border-line px-3 py-4 text-ink-3">
          No agent has reported anything yet.
        </p>
      )}
      {data && data.days.length > 0 && (
        <>
          <p className="text-md font-medium tabular-nums">{usageWords(data.total)}</p>
          <Rows name="By day">
            {data.days.map(({ day, usage }) => (
              <Row key={day} usage={usage} share={tokensOf(usage) / most}>
                {day}
              </Row>
            ))}
          </Rows>
          <Rows name="By model">
            {data.models.map(({ model, usage }) => (
              <Row key={model} usage={usage}>
                {model}
              </Row>
            ))}
          </Rows>
          <Rows name="By session">
            {data.sessions.map(({ sessionId, usage }) => {
              const session = sessions.find((one) => one.id === sessionId);
              return (
                <Row key={sessionId} usage={usage}>
                  {session ? (
                    <Link
                      to="/sessions/$sid"
                      params={{ sid: sessionId }}
                      className="underline decoration-line underline-offset-2 hover:decoration-ink"
                    >
                      {sessionTitle(session)}
                    </Link>
                  ) : (
                    <span className="text-ink-3">deleted since</span>
                  )}
                </Row>
              );
            })}
          </Rows>
        </>
      )}
    </Section>
  );
}

function Rows({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="flex flex-col gap-1.5">
      <h3 className="text-ink-2">{name}</h3>
      <ul
        aria-label={name}
        className="divide-y divide-line rounded-lg border border-line bg-surface tabular-nums"
      >
        {children}
      </ul>
    </div>
  );
}

interface RowProps {
  usage: Used;
  /** Its part of the greatest, from 0 to 1, drawn as a bar. */
  share?: number;
  children: ReactNode;
}

function Row({ usage, share, children }: RowProps) {
  return (
    <li className="relative flex items-baseline gap-3 px-3 py-1.5">
      {share !== undefined && (
        <span
          aria-hidden
          className="absolute inset-y-0 left-0 bg-accent/10"
          style={{ width: `${share * 100}%` }}
        />
      )}
      <span className="relative min-w-0 flex-1 truncate">{children}</span>
      <span className="relative text-ink-2">{tokenWords(tokensOf(usage))} tokens</span>
      <span className="relative w-28 text-right">{costWords(usage) ?? '–'}</span>
    </li>
  );
}
