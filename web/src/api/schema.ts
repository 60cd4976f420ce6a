/**
 * The shapes of the wire, as `crates/protocol` writes them.
 *
 * The only file that knows where they come from: everything else imports these names.
 */

export interface TerminalSize {
  cols: number;
  rows: number;
}

export type SessionKind = 'worktree' | 'quick';
export type WorkerKind = 'agent' | 'terminal' | 'git-diff';
export type ProcessState =
  | 'starting'
  | 'running'
  | 'exited'
  | 'failed-to-start'
  | 'lost'
  | 'unknown'
  | 'stopped';
export type ActivityState = 'starting' | 'working' | 'asking' | 'idle' | 'exited';

export interface Exit {
  code?: number;
  signal?: number;
}

export interface Process {
  state: ProcessState;
  epoch: number;
  pid?: number;
  exit?: Exit;
  reason?: string;
  size: TerminalSize;
}

export interface Activity {
  state: ActivityState;
  reason?: string;
  since: string;
}

export interface Worker {
  id: string;
  name: string;
  createdAt: string;
  type: WorkerKind;
  agentId?: string;
  activated?: boolean;
  baseCommit?: string;
  process?: Process;
  activity?: Activity;
  terminalTitle?: string;
}

export interface Session {
  id: string;
  type: SessionKind;
  locationPath: string;
  status: 'active' | 'inactive';
  activationState: 'running' | 'hibernated';
  paused: boolean;
  createdAt: string;
  workers: Worker[];
  initialPrompt?: string;
  title?: string;
  repositoryId?: string;
  repositoryName?: string;
  worktreeId?: string;
  isMainWorktree?: boolean;
  locationMissing?: boolean;
}

export interface Repository {
  id: string;
  name: string;
  path: string;
  createdAt: string;
  remoteUrl?: string;
  setupCommand?: string;
  envVars?: string;
}

export interface Branches {
  local: string[];
  remote: string[];
  defaultBranch: string | null;
}

export interface Agent {
  id: string;
  name: string;
  commandTemplate: string;
  continueTemplate?: string;
  headlessTemplate?: string;
  description?: string;
  isBuiltIn: boolean;
  createdAt: string;
  capabilities: {
    supportsContinue: boolean;
    supportsHeadlessMode: boolean;
    supportsActivityDetection: boolean;
  };
}

export type Place =
  | { kind: 'new-branch'; branch?: string; base?: string }
  | { kind: 'existing-branch'; branch: string }
  | { kind: 'directory' };

export type Run =
  | { kind: 'agent'; agentId?: string }
  | { kind: 'command'; command: string }
  | { kind: 'shell' };

export interface StartSession {
  path: string;
  place: Place;
  run: Run;
  prompt?: string;
  title?: string;
}

export type WorktreeFate = 'keep' | 'remove' | 'discard';

export interface TokenView {
  id: string;
  name: string;
  createdAt: string;
  lastUsedAt?: string;
}

export interface CreatedToken {
  token: TokenView;
  secret: string;
}

export interface Config {
  homeDir: string;
  capabilities: Record<string, boolean>;
  serverPid: number;
  version: string;
}

export interface PathSuggestion {
  path: string;
  isRepository: boolean;
}

export interface Check {
  id: string;
  name: string;
  ok: boolean;
  detail: string;
}

export interface TextBody {
  lines: string[];
  offset: number;
  size: TerminalSize;
}

export type AppEvent =
  | { type: 'session-created'; session: Session }
  | { type: 'session-updated'; session: Session }
  | { type: 'session-deleted'; sessionId: string }
  | { type: 'repository-updated'; repository: Repository }
  | { type: 'repository-deleted'; repositoryId: string }
  | { type: 'agent-updated'; agent: Agent }
  | { type: 'agent-deleted'; agentId: string };

export type AppFrame =
  | {
      type: 'snapshot';
      instance: string;
      seq: number;
      sessions: Session[];
      repositories: Repository[];
      agents: Agent[];
    }
  | { type: 'event'; seq: number; event: AppEvent };

export interface Problem {
  code: string;
  status: number;
  title: string;
  detail: string;
  error: string;
  field?: string;
}
