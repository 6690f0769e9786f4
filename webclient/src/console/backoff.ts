// When to try again: full jitter, so that consoles do not come back all at once.

export const FIRST_MS = 250;
export const MOST_MS = 8000;

/** Milliseconds to wait before attempt n (0, 1, 2, …); random is in [0, 1). */
export function backoff(n: number, random: number): number {
  const most = Math.min(MOST_MS, FIRST_MS * 2 ** Math.min(n, 16));
  return Math.round(random * most);
}
