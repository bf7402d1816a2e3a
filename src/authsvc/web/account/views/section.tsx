import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";

interface Properties {
  readonly title: string;
  readonly busy: boolean;
  /** What the page's address and its stylesheet call the part. */
  readonly name: string;
  readonly children: ComponentChildren;
}

/** A part of the page with its heading. When what has the focus goes away, the heading gets it: not the whole page. */
export function Section({ title, busy, name, children }: Properties) {
  const id = useId();
  const heading = useRef<HTMLHeadingElement>(null);
  const focused = useRef<Element | null>(null);
  useLayoutEffect(() => {
    if (!focused.current || focused.current.isConnected) return;
    focused.current = null;
    if (document.activeElement === document.body) heading.current?.focus({ preventScroll: true });
  });
  return (
    <section
      id={name}
      class={`card ${name}`}
      aria-labelledby={id}
      aria-busy={busy}
      onFocusIn={(event) => {
        focused.current = event.target as Element;
      }}
    >
      <h2 id={id} ref={heading} tabIndex={-1}>
        {title}
      </h2>
      {children}
    </section>
  );
}
