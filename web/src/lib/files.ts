/** Files that go with a message: the server's limits, told before anything is sent. */

/** Files of one message at most. */
const FILES_MOST = 10;
/** Bytes of all files of a message at most. */
const BYTES_MOST = 10 * 1024 * 1024;

/** What is needed to know of a file. */
type Sized = Pick<File, 'name' | 'size'>;

/** “3.4 MB”. */
export function sizeWords(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ['kB', 'MB', 'GB'];
  let size = bytes / 1000;
  let at = 0;
  while (size >= 999.5 && at < units.length - 1) {
    size /= 1000;
    at += 1;
  }
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${units[at]}`;
}

/** Why these files cannot be sent together; null when they can. */
export function tooMuch(files: Sized[]): string | null {
  if (files.length > FILES_MOST) {
    return `${files.length} files are too many: a message takes ${FILES_MOST}.`;
  }
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  if (bytes <= BYTES_MOST) return null;
  return `${sizeWords(bytes)} are too much: a message takes files of 10 MiB together.`;
}

/** The files with more of them; one that is there already is not taken twice. */
export function withFiles<T extends Sized>(files: T[], more: T[]): T[] {
  const isNew = (one: T) =>
    !files.some((known) => known.name === one.name && known.size === one.size);
  return [...files, ...more.filter(isNew)];
}
