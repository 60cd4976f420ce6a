import { LogOut } from 'lucide-react';
import { signOut } from '../../api/auth.ts';
import { care, useSettings } from '../../api/care.ts';
import { messageOf } from '../../api/client.ts';
import { useConfig } from '../../api/queries.ts';
import { setAppearance, type Theme, useAppearance } from '../../lib/appearance.ts';
import { Button } from '../../ui/Button.tsx';
import { Choice } from '../../ui/Choice.tsx';
import { attempt } from '../../ui/toast.ts';
import { Checks } from '../dashboard/Checks.tsx';
import { IdleEditor } from './IdleEditor.tsx';
import { Section } from './Section.tsx';
import { Switch } from './Switch.tsx';
import { Tokens } from './Tokens.tsx';

/** This browser, who may come in, and this server. */
export function General() {
  return (
    <>
      <AppearanceSection />
      <Section name="Devices and tokens" about="Who may use this server besides this browser.">
        <Tokens />
      </Section>
      <IdleSection />
      <About />
    </>
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

function IdleSection() {
  const settings = useSettings();
  return (
    <Section
      name="Idle sessions"
      about="What becomes of sessions that have nothing to do. Repositories and sessions may have rules of their own."
    >
      <div className="rounded-lg border border-line bg-surface p-4">
        {settings.isError && <p className="text-failed">{messageOf(settings.error)}</p>}
        {settings.data && (
          <IdleEditor
            key={JSON.stringify(settings.data.idle)}
            policy={settings.data.idle}
            save={care.serverIdle}
          />
        )}
      </div>
    </Section>
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
