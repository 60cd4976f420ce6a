/**
 * The one way to the REST interface: JSON or a form in, JSON or text out, every failure a `Failure`.
 *
 * It knows no component. Whoever calls decides what a failure means; a request without a valid
 * sign-in is also told to the listener, since it concerns the whole page.
 */
import type { Problem } from './wire.ts';

/** A failed request: the server's own problem, or one made here when nothing answered. */
export class Failure extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail);
    this.problem = problem;
  }

  get code(): string {
    return this.problem.code;
  }

  /** Whether no server answered, so that the same request may work later. */
  get isUnreachable(): boolean {
    return this.problem.code === 'unreachable';
  }
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

interface Options {
  /** Sent as JSON, but a form as the form it is. */
  body?: unknown;
  signal?: AbortSignal;
  headers?: Record<string, string>;
}

interface CallOptions extends Options {
  /** The answer is text and stays so. */
  asText?: boolean;
}

let onSignedOut: () => void = () => {};

/** Names who hears that the server no longer knows this browser. */
export function listenSignedOut(listener: () => void): void {
  onSignedOut = listener;
}

/** Sends one request and returns the parsed answer. */
export async function call<T>(method: Method, path: string, options: CallOptions = {}): Promise<T> {
  const response = await ask(method, path, options);
  const text = await response.text();
  if (options.asText) return text as T;
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

/** Sends one request and returns the answer as soon as it begins. */
export async function ask(
  method: Method,
  path: string,
  { body, signal, headers: more }: Options = {},
): Promise<Response> {
  const headers = new Headers({ accept: 'application/json', ...more });
  if (body !== undefined && !(body instanceof FormData)) {
    headers.set('content-type', 'application/json');
  }
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      body: bodyOf(body),
      credentials: 'same-origin',
      cache: 'no-store',
      ...(signal ? { signal } : {}),
    });
  } catch (err) {
    if (signal?.aborted) throw err;
    throw new Failure(unreachable());
  }
  if (response.ok) return response;
  const failure = new Failure(problemOf(response, await response.text()));
  if (response.status === 401 && !path.startsWith('/api/auth/sign-in')) onSignedOut();
  throw failure;
}

function bodyOf(body: unknown): BodyInit | null {
  if (body instanceof FormData) return body;
  return body === undefined ? null : JSON.stringify(body);
}

function problemOf(response: Response, text: string): Problem {
  try {
    const body = JSON.parse(text) as Partial<Problem>;
    const detail = body.detail ?? body.error;
    if (detail) {
      return {
        code: body.code ?? 'internal',
        status: response.status,
        title: body.title ?? response.statusText,
        detail,
        error: detail,
        ...(body.field ? { field: body.field } : {}),
      };
    }
  } catch {
    // Not ours, for example a proxy's page: say what is known.
  }
  if (response.status >= 502 && response.status <= 504) return unreachable();
  const detail = `The server answered ${response.status} ${response.statusText}.`;
  return { code: 'internal', status: response.status, title: 'Error', detail, error: detail };
}

function unreachable(): Problem {
  const detail = 'The server did not answer. Agents keep running; try again in a moment.';
  return { code: 'unreachable', status: 0, title: 'Unreachable', detail, error: detail };
}

/** The words to show for anything that was thrown. */
export function messageOf(err: unknown): string {
  return err instanceof Error ? err.message : String(err);
}
