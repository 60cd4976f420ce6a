import { Bot, Check, ChevronDown, SquareChevronRight, SquareTerminal } from 'lucide-react';
import { useApp } from '../../api/app-store.ts';
import { Button } from '../../ui/Button.tsx';
import { Menu, MenuItem, MenuLine } from '../../ui/Menu.tsx';
import { edit, useDraft } from './draft.ts';

/** What runs: one of the agents, a command of one's own, or the shell. */
export function RunPicker() {
  const { run, agentId } = useDraft();
  const agents = useApp((app) => app.agents);
  const agent = agents.find((one) => one.id === agentId) ?? agents[0];
  const word = run === 'agent' ? (agent?.name ?? 'Agent') : run === 'command' ? 'Command' : 'Shell';
  const Icon = run === 'agent' ? Bot : run === 'command' ? SquareChevronRight : SquareTerminal;
  const tick = <Check size={14} aria-hidden className="ml-auto text-accent" />;
  return (
    <Menu
      trigger={
        <Button
          aria-label={`Runs: ${word}`}
          className="font-normal"
          icon={<Icon size={14} aria-hidden className="text-ink-3" />}
        >
          {word}
          <ChevronDown size={13} aria-hidden className="text-ink-3" />
        </Button>
      }
    >
      {agents.map((one) => (
        <MenuItem
          key={one.id}
          icon={<Bot size={14} aria-hidden className="text-ink-3" />}
          onClick={() => edit({ run: 'agent', agentId: one.id })}
        >
          {one.name}
          {one.installed === false && <span className="text-ink-3">not installed</span>}
          {one.version && !one.version.isTested && (
            <span className="text-asks" title={`Its state is known of ${one.version.tested}`}>
              {one.version.installed}, not tried
            </span>
          )}
          {run === 'agent' && one.id === agent?.id && tick}
        </MenuItem>
      ))}
      {agents.length > 0 && <MenuLine />}
      <MenuItem
        icon={<SquareChevronRight size={14} aria-hidden className="text-ink-3" />}
        onClick={() => edit({ run: 'command' })}
      >
        Command…
        {run === 'command' && tick}
      </MenuItem>
      <MenuItem
        icon={<SquareTerminal size={14} aria-hidden className="text-ink-3" />}
        onClick={() => edit({ run: 'shell' })}
      >
        Shell
        {run === 'shell' && tick}
      </MenuItem>
    </Menu>
  );
}
