import { useEffect, useRef } from "preact/hooks";

/**
 * Brings the part of the page that its address names (`/account#grants`) into view when everything has been loaded. The
 * browser itself looks for the part only before there is any.
 */
export function useHash(loaded: boolean): void {
  const done = useRef(false);
  useEffect(() => {
    if (!loaded || done.current) return;
    done.current = true;
    document.getElementById(location.hash.slice(1))?.scrollIntoView();
  }, [loaded]);
}

/** Hears when the address names this part of the page, now or later. */
export function useNamed(name: string, named: () => void): void {
  const current = useRef(named);
  current.current = named;
  useEffect(() => {
    const look = () => {
      if (location.hash === `#${name}`) current.current();
    };
    look();
    window.addEventListener("hashchange", look);
    return () => window.removeEventListener("hashchange", look);
  }, [name]);
}
