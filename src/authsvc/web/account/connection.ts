/** Whether the server is there: a stream of its health that is kept open as long as the page is to be seen. */

import { create } from "@bufbuild/protobuf";
import { StatusCode } from "grpc-web";
import {
  Health,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus as ServingStatus,
  HealthCheckRequestSchema,
} from "../build/proto/grpc/health/v1/health_pb.ts";
import type { Failure } from "./failure.ts";
import type { Transport } from "./transport.ts";

/** Whether the server is there, as far as the page knows. */
export type ConnectionState = "connected" | "lost";

// The first is for a stream that was good: it is opened again at once.
const WAITS = [0, 1_000, 2_000, 4_000, 8_000, 15_000] as const; // ms
const PATIENCE = 10_000; // ms for a server to say how it is
const STEADY = 10_000; // ms after which a stream was good: one that ends sooner is opened again ever more slowly

/** Watches the server, and tells when the connection is lost and when it is there again. At first it is taken to be there. */
export class Connection {
  readonly #transport: Transport;
  readonly #changed: (state: ConnectionState) => void;
  #state: ConnectionState = "connected";
  #listening: AbortController | null = null;
  #attempts = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #cancel = () => {};

  constructor(transport: Transport, changed: (state: ConnectionState) => void) {
    this.#transport = transport;
    this.#changed = changed;
  }

  /** Begins to watch. */
  start(): void {
    if (this.#listening === null) {
      this.#listening = new AbortController();
      const { signal } = this.#listening;
      window.addEventListener("online", () => this.retry(), { signal });
      document.addEventListener("visibilitychange", () => this.retry(), { signal });
      this.retry();
    }
  }

  /** Ends watching. */
  stop(): void {
    this.#listening?.abort();
    this.#listening = null;
    this.#close();
  }

  /** Tries now rather than after the wait. */
  retry(): void {
    this.#attempts = 0;
    this.#open();
  }

  #open(): void {
    this.#close();
    // A hidden page leaves its connection to others: browsers have six of them for a server that speaks HTTP/1.1.
    if (this.#listening === null || document.visibilityState === "hidden") {
      return;
    }
    let servingSince: number | null = null;
    const lost = () => {
      this.#close();
      this.#tell("lost");
      this.#again(Math.max(this.#attempts, 1));
    };
    this.#timer = setTimeout(lost, PATIENCE);
    const stop = this.#transport.stream(Health.method.watch, create(HealthCheckRequestSchema), {
      message: ({ status }: HealthCheckResponse) => {
        if (status !== ServingStatus.SERVING) {
          // What came of an earlier loss has nothing to do with this one.
          this.#attempts = servingSince !== null && isSteady(servingSince) ? 0 : this.#attempts;
          lost();
          return;
        }
        clearTimeout(this.#timer);
        servingSince ??= Date.now();
        this.#tell("connected");
      },
      end: (failure) => {
        if (servingSince !== null) {
          this.#again(isSteady(servingSince) ? 0 : this.#attempts);
        } else if (isRefusedAsOneTooMany(failure)) {
          this.#tell("connected");
          this.#again(WAITS.length);
        } else {
          lost();
        }
      },
    });
    this.#cancel = stop;
  }

  #again(attempts: number): void {
    const wait = WAITS[Math.min(attempts, WAITS.length - 1)] ?? 0;
    this.#attempts = attempts + 1;
    clearTimeout(this.#timer);
    // Many pages that have lost one server do not all come back in the same moment.
    this.#timer = setTimeout(() => this.#open(), wait * (0.8 + 0.4 * Math.random()));
  }

  #close(): void {
    clearTimeout(this.#timer);
    this.#cancel();
    this.#cancel = () => {};
  }

  #tell(state: ConnectionState): void {
    if (this.#state !== state) {
      this.#state = state;
      this.#changed(state);
    }
  }
}

function isSteady(since: number): boolean {
  return Date.now() - since >= STEADY;
}

/** The server is there, and says so: it has as many who watch it as it will have. */
function isRefusedAsOneTooMany(failure: Failure | null): boolean {
  const cause = failure?.cause;
  return typeof cause === "object" && cause !== null && "code" in cause && cause.code === StatusCode.RESOURCE_EXHAUSTED;
}
