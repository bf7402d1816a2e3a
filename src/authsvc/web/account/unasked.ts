/**
 * How often the page has sent the browser to sign in of its own accord, each time soon after the last.
 *
 * Something between the page and the server may drop the answer, a proxy that strips queries: then the page would come
 * with nothing, and send the browser away, for ever.
 */

const KEY = "authsvc.unasked";
const MOST = 3;
const SOON = 10_000; // ms

/** Whether the page may send the browser away once more; it counts the attempt. */
export function mayLeave(): boolean {
  try {
    const { count = 0, at = 0 } = JSON.parse(sessionStorage.getItem(KEY) ?? "{}") as { count?: number; at?: number };
    const before = Math.abs(Date.now() - at) < SOON ? count : 0;
    sessionStorage.setItem(KEY, JSON.stringify({ count: before + 1, at: Date.now() }));
    return before < MOST;
  } catch {
    return true; // a browser without storage is told by the answer that nothing waits for
  }
}

/** It has been answered. */
export function isBack(): void {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // As above.
  }
}
