import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { type Failure, failureOf } from "../failure.ts";

/** What has been read so far: a value stays until there is a newer one, whatever fails meanwhile. */
export interface Loaded<T> {
  readonly value: T | undefined;
  readonly failure: Failure | undefined;
  readonly busy: boolean;
  /** Reads anew. */
  again(): void;
}

interface State<T> {
  readonly value: T | undefined;
  readonly failure: Failure | undefined;
  readonly busy: boolean;
}

/** Reads at once, and then whenever it is asked to; `ended` hears that the session is over. */
export function useLoad<T>(read: () => Promise<T>, ended: () => void): Loaded<T> {
  const current = useRef({ read, ended });
  current.current = { read, ended };
  const [state, setState] = useState<State<T>>({ value: undefined, failure: undefined, busy: true });
  const latest = useRef(0);
  const again = useCallback(() => {
    latest.current += 1;
    const mine = latest.current;
    // An answer that a later question has overtaken is of no interest.
    const settle = (change: (before: State<T>) => State<T>) => latest.current === mine && setState(change);
    setState((before) => ({ ...before, busy: true }));
    current.current.read().then(
      (value) => settle(() => ({ value, failure: undefined, busy: false })),
      (error: unknown) => {
        const failure = failureOf(error);
        if (failure.trouble === "signed_out") current.current.ended();
        else settle((before) => ({ ...before, failure, busy: false }));
      },
    );
  }, []);
  useEffect(() => {
    again();
    return () => {
      latest.current += 1;
    };
  }, [again]);
  return { ...state, again };
}
