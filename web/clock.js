// What time it is. Nothing here believes the clock of this machine: people set it, and it may be years off.

/** The server's time less `elapsed()`, as far as it is known. @type {number | null} */
let ahead = null;

/** Milliseconds by a clock that nobody sets: for all that lasts, and for all that is waited for. */
export const elapsed = () => performance.now();

/** The time in milliseconds since 1970 as the server has it; before it has said so, as this machine has it. */
export const now = () => Math.round(ahead === null ? Date.now() : elapsed() + ahead);

/**
 * The server said that it is this time now.
 * @param {string | undefined} time
 */
export function set(time) {
  const known = Date.parse(time ?? '');
  if (!Number.isNaN(known)) ahead = known - elapsed();
}

/**
 * Something happened at this time: so it is that time at least.
 * @param {string | undefined} time
 */
export function atLeast(time) {
  const known = Date.parse(time ?? '');
  if (!Number.isNaN(known) && (ahead === null || known > elapsed() + ahead)) ahead = known - elapsed();
}

/** How long ago something was, also where one of the two clocks stood still: this machine may have slept. */
export function since() {
  const [then, at] = [Date.now(), elapsed()];
  return () => Math.max(Date.now() - then, elapsed() - at);
}
