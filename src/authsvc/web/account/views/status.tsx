import { useCallback, useEffect, useState } from "preact/hooks";

const SHOWN = 10_000;

/** What has just happened; the number tells two equal messages apart. */
export interface Message {
  readonly words: string;
  readonly number: number;
}

/** The message to be shown, and the way to say something. */
export function useStatus(): { message: Message | undefined; say: (words: string) => void } {
  const [message, setMessage] = useState<Message>();
  const say = useCallback((words: string) => setMessage((last) => ({ words, number: (last?.number ?? 0) + 1 })), []);
  useEffect(() => {
    if (!message) return;
    const timer = setTimeout(() => setMessage(undefined), SHOWN);
    return () => clearTimeout(timer);
  }, [message]);
  return { message, say };
}

/** Where messages stand. It is always there: screen readers read out what comes in, not what comes with it. */
export function Status({ message }: { message: Message | undefined }) {
  return (
    <div class="status" role="status">
      {message && <p key={message.number}>{message.words}</p>}
    </div>
  );
}
