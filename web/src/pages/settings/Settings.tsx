import { LogOut } from 'lucide-react';
import type { ReactNode } from 'react';
import { signOut } from '../../api/auth.ts';
import { useConfig } from '../../api/queries.ts';
import { setAppearance, type Theme, useAppearance } from '../../lib/appearance.ts';
import { Button } from '../../ui/Button.tsx';
import { Choice } from '../../ui/Choice.tsx';
import { attempt } from '../../ui/toast.tsx';
import { Checks } from '../dashboard/Checks.tsx';
import { Tokens } from './Tokens.tsx';

export function Settings() {
  return (
    <div className="h-full overflow-y-auto">
      <div className="mx-auto flex w-full max-w-[760px] flex-col gap-8 px-4 py-6">
        <h1 className="text-lg font-semibold tracking-tight">Settings</h1>
        <AppearanceSection />
        <Section name="Devices and tokens" about="Who may use this server besides this browser.">
          <Tokens />
        </Section>
        <About />
      </div>
    </div>
  );
}

function Section({ name, about, children }: { name: string; about?: string; children: ReactNode }) {
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

const THEMES: { value: Theme; label: string }[] = [
  { value: 'system', label: 'System' },
  { value: 'dark', label: 'Dark' },
  { value: 'light', label: 'Light' },
];

const SIZES = [11, 12, 13, 14, 16, 18].map((size) => ({ value: `${size}`, label: `${size}` }));

function AppearanceSection() {
  const appearance = useAppearance();
  return (
    <Section name="Appearance" about="Kept in this browser.">
      <div className="flex flex-col gap-4 rounded-lg border border-line bg-surface p-4">
        <Choice
          label="Theme"
          value={appearance.theme}
          options={THEMES}
          onChange={(theme) => setAppearance({ theme })}
        />
        <Choice
          label="Size of terminal text"
          value={`${appearance.terminalFontSize}`}
          options={SIZES}
          onChange={(size) => setAppearance({ terminalFontSize: Number(size) })}
        />
        <Switch
          name="Keep the terminal dark"
          means="Agents paint for dark terminals; on a light page their colours suffer."
          checked={appearance.keepTerminalDark}
          onChange={(keepTerminalDark) => setAppearance({ keepTerminalDark })}
        />
        <Switch
          name="Terminal for screen readers"
          means="Announces output as text. Slower with much output."
          checked={appearance.screenReader}
          onChange={(screenReader) => setAppearance({ screenReader })}
        />
      </div>
    </Section>
  );
}

interface SwitchProps {
  name: string;
  means: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
}

function Switch({ name, means, checked, onChange }: SwitchProps) {
  return (
    <label className="flex cursor-pointer items-start gap-3">
      <input
        type="checkbox"
        checked={checked}
        onChange={(event) => onChange(event.target.checked)}
        className="mt-0.5 size-4 shrink-0 accent-accent"
      />
      <span>
        <span className="block font-medium">{name}</span>
        <span className="block text-ink-2">{means}</span>
      </span>
    </label>
  );
}

function About() {
  const config = useConfig().data;
  return (
    <Section name="This server">
      {config && (
        <dl className="grid grid-cols-[auto_minmax(0,1fr)] gap-x-4 gap-y-1 rounded-lg border border-line bg-surface p-4">
          <dt className="text-ink-2">Version</dt>
          <dd className="font-mono text-sm">{config.version}</dd>
          <dt className="text-ink-2">Process</dt>
          <dd className="font-mono text-sm">{config.serverPid}</dd>
          <dt className="text-ink-2">Address</dt>
          <dd className="font-mono text-sm break-all">{location.origin}</dd>
        </dl>
      )}
      <Checks />
      <Button
        className="self-start"
        icon={<LogOut size={14} aria-hidden />}
        onClick={() => void attempt('Could not sign out', signOut)}
      >
        Sign out of this browser
      </Button>
    </Section>
  );
}
