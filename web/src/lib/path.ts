/** Paths as people write them. */

/** Writes the home directory as `~`. */
export function shorten(path: string, home: string | undefined): string {
  if (!home || home === '/') return path;
  if (path === home) return '~';
  return path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path;
}

/** Whether what is typed where a path belongs is the address of a repository. */
export function isCloneUrl(text: string): boolean {
  return /^(https?|ssh):\/\/\S+$|^[\w.-]+@[\w.-]+:\S+$/.test(text.trim());
}

/** The directory without a trailing slash, with `~` resolved where the home is known. */
export function expand(path: string, home: string | undefined): string {
  const trimmed = path.trim().replace(/(.)\/+$/, '$1');
  if (home && (trimmed === '~' || trimmed.startsWith('~/'))) return home + trimmed.slice(1);
  return trimmed;
}
