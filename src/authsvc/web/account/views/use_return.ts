import { useEffect, useRef } from "preact/hooks";

const PAUSE = 5_000;

/** Does something whenever the page is to be seen again, but not more often than every five seconds. */
export function useReturn(action: () => void): void {
  const current = useRef(action);
  current.current = action;
  useEffect(() => {
    let last = performance.now();
    const look = () => {
      if (document.visibilityState !== "visible" || performance.now() - last < PAUSE) return;
      last = performance.now();
      current.current();
    };
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, []);
}
