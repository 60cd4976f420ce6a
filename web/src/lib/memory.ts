/** Small things this browser remembers between visits, such as the last agent used. */

export function remembered<T>(key: string, fallback: T): T {
  try {
    const text = localStorage.getItem(`offshoot.${key}`);
    return text === null ? fallback : (JSON.parse(text) as T);
  } catch {
    return fallback;
  }
}

export function remember(key: string, value: unknown): void {
  try {
    localStorage.setItem(`offshoot.${key}`, JSON.stringify(value));
  } catch {
    // Without storage nothing is remembered, and nothing else changes.
  }
}
