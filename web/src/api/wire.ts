/**
 * The shapes of the wire. They come from `docs/openapi.json`, which the server writes about itself
 * (`cargo xtask gen`); this is the only file that knows.
 */
import type { components } from './schema.d.ts';

type Described = components['schemas'];

/** The server leaves out what is absent; it never writes null for it, as the description allows. */
type Written<T> = T extends (infer Item)[]
  ? Written<Item>[]
  : T extends object
    ? {
        [Key in keyof T]: undefined extends T[Key]
          ? Written<Exclude<T[Key], null>>
          : Written<T[Key]>;
      }
    : T;

type Shape<Name extends keyof Described> = Written<Described[Name]>;

export type TerminalSize = Shape<'TerminalSize'>;
export type ProcessState = Shape<'ProcessState'>;
export type Exit = Shape<'Exit'>;
export type Process = Shape<'Process'>;
export type Worker = Shape<'Worker'>;
export type Session = Shape<'Session'>;
export type Usage = Shape<'Usage'>;
export type UsageBody = Shape<'UsageBody'>;
export type Repository = Shape<'Repository'>;
export type Branches = Shape<'Branches'>;
export type Agent = Shape<'Agent'>;
export type Place = Shape<'Place'>;
export type Run = Shape<'Run'>;
export type StartSession = Shape<'StartSession'>;
export type WorktreeFate = Shape<'WorktreeFate'>;
export type TokenView = Shape<'TokenView'>;
export type CreatedToken = Shape<'CreatedToken'>;
export type Config = Shape<'Config'>;
export type PathSuggestion = Shape<'PathSuggestion'>;
export type Check = Shape<'Check'>;
export type Explanation = Shape<'Explanation'>;
export type EvidencePiece = Shape<'EvidencePiece'>;
export type TextBody = Shape<'TextBody'>;
export type Worktree = Shape<'Worktree'>;
export type IdlePolicy = Shape<'IdlePolicy'>;
export type IdleWarning = Shape<'IdleWarning'>;
export type Settings = Shape<'Settings'>;
export type TrashEntry = Shape<'TrashEntry'>;
export type Job = Shape<'Job'>;
export type Prompt = Shape<'Prompt'>;
export type Request = Shape<'Request'>;
export type Webhook = Shape<'Webhook'>;
export type WebhookEvent = Shape<'WebhookEvent'>;
export type CreatedWebhook = Shape<'CreatedWebhook'>;
export type SlackIntegration = Shape<'SlackIntegration'>;
export type NotificationStatus = Shape<'NotificationStatus'>;
export type AppEvent = Shape<'AppEvent'>;
export type AppFrame = Shape<'AppFrame'>;

/** A failure; the code is one of the server's words, or one made in this page. */
export type Problem = Omit<Shape<'Problem'>, 'code'> & { code: string };
