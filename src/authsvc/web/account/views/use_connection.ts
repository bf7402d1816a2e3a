import { useEffect, useRef, useState } from "preact/hooks";
import { Connection } from "../connection.ts";
import type { Transport } from "../transport.ts";

/** Whether the connection to the server is lost, and a way to try again now; `back` is told when it is there again. */
export function useConnection(transport: Transport, back: () => void): { lost: boolean; retry: () => void } {
  const [lost, setLost] = useState(false);
  const connection = useRef<Connection | null>(null);
  const told = useRef(back);
  told.current = back;
  useEffect(() => {
    let wasLost = false;
    const opened = new Connection(transport, (state) => {
      if (wasLost && state === "connected") told.current();
      wasLost = state === "lost";
      setLost(wasLost);
    });
    connection.current = opened;
    opened.start();
    return () => opened.stop();
  }, [transport]);
  return { lost, retry: () => connection.current?.retry() };
}
