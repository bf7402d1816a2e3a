import { useEffect, useRef } from "preact/hooks";

const PAUSE = 5_000;

/** Does something whenever the page is to be seen again, but not more often than every five seconds. */
export function useReturn(action: () => void): void {
  const current = useRef(action);
  current.current = action;
  useEffect(() => {
    let last = performance.now();
    let later: ReturnType<typeof setTimeout> | undefined;
    const look = () => {
      clearTimeout(later);
      if (document.visibilityState !== "visible") return;
      const rest = PAUSE - (performance.now() - last);
      if (rest > 0) {
        later = setTimeout(look, rest);
        return;
      }
      last = performance.now();
      current.current();
    };
    document.addEventListener("visibilitychange", look);
    return () => {
      clearTimeout(later);
      document.removeEventListener("visibilitychange", look);
    };
  }, []);
}
