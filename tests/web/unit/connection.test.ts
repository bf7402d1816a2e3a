import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { Connection, type ConnectionState } from "../../../src/authsvc/web/account/connection.ts";
import { Failure } from "../../../src/authsvc/web/account/failure.ts";
import type { StreamListener, Transport } from "../../../src/authsvc/web/account/transport.ts";
import {
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
  type HealthCheckResponse,
} from "../../../src/authsvc/web/build/proto/grpc/health/v1/health_pb.ts";
import { setGlobal } from "./browser.ts";
import { create } from "./protobuf.ts";

/** One stream as the server sees it. */
class Stream {
  open = true;
  readonly #listener: StreamListener<HealthCheckResponse>;

  constructor(listener: StreamListener<HealthCheckResponse>) {
    this.#listener = listener;
  }

  says(status: ServingStatus): void {
    assert.ok(this.open, "nothing is heard of a stream that was closed");
    this.#listener.message(create(HealthCheckResponseSchema, { status }));
  }

  ends(failure: Failure | null = null): void {
    assert.ok(this.open, "nothing is heard of a stream that was closed");
    this.open = false;
    this.#listener.end(failure);
  }
}

class Page extends EventTarget {
  visibilityState = "visible";

  shows(visibilityState: "visible" | "hidden"): void {
    this.visibilityState = visibilityState;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

/** A connection on a page of its own, with all of its streams and all that it told. */
function watched(t: TestContext) {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"] });
  t.mock.method(Math, "random", () => 0.5); // the waits as they are
  const page = new Page();
  const window = new EventTarget();
  setGlobal("document", page);
  setGlobal("window", window);
  const streams: Stream[] = [];
  const told: ConnectionState[] = [];
  const transport: Transport = {
    unary: () => Promise.reject(new Error("a connection makes no calls")),
    stream(_method, _request, listener) {
      const stream = new Stream(listener as unknown as StreamListener<HealthCheckResponse>);
      streams.push(stream);
      return () => {
        stream.open = false;
      };
    },
  };
  const connection = new Connection(transport, (state) => told.push(state));
  connection.start();
  const last = (): Stream => streams.at(-1) ?? assert.fail("there is no stream");
  return { connection, page, window, streams, told, last, pass: (ms: number) => t.mock.timers.tick(ms) };
}

const BROKEN = new Failure("unreachable", "no connection");

test("A server that serves is taken for granted.", (t) => {
  const { told, last, streams } = watched(t);
  last().says(ServingStatus.SERVING);
  assert.deepEqual(told, []);
  assert.equal(streams.length, 1);
});

test("A stream that was good and ends is opened again at once, without a word.", (t) => {
  const { told, last, streams, pass } = watched(t);
  for (const failure of [null, BROKEN]) {
    last().says(ServingStatus.SERVING);
    pass(60_000);
    last().ends(failure);
    pass(0);
  }
  last().says(ServingStatus.SERVING);
  assert.equal(streams.length, 3);
  assert.deepEqual(told, []);
});

test("When the stream cannot be had again, the connection is lost, and it is told when it is there again.", (t) => {
  const { told, last, pass } = watched(t);
  last().says(ServingStatus.SERVING);
  pass(60_000);
  last().ends(BROKEN);
  pass(0);
  assert.deepEqual(told, []);
  last().ends(BROKEN);
  assert.deepEqual(told, ["lost"]);
  pass(1000);
  last().says(ServingStatus.SERVING);
  assert.deepEqual(told, ["lost", "connected"]);
});

test("A server that says that it does not serve is lost at once, and its stream is closed.", (t) => {
  const { told, last, streams, pass } = watched(t);
  last().says(ServingStatus.SERVING);
  last().says(ServingStatus.NOT_SERVING);
  assert.deepEqual(told, ["lost"]);
  assert.equal(last().open, false);
  pass(1000);
  assert.equal(streams.length, 2);
});

test("A lost server is tried after 1, 2, 4, 8, 15 and again 15 seconds, and being lost is told once.", (t) => {
  const { told, last, streams, pass } = watched(t);
  for (const [index, wait] of [1000, 2000, 4000, 8000, 15_000, 15_000].entries()) {
    last().ends(BROKEN);
    pass(wait - 1);
    assert.equal(streams.length, index + 1);
    pass(1);
    assert.equal(streams.length, index + 2);
  }
  assert.deepEqual(told, ["lost"]);
});

test("A wait is between four and six fifths of what it should be, so that pages do not come back together.", (t) => {
  const { streams, last, pass } = watched(t);
  const random = t.mock.method(Math, "random", () => 0);
  last().ends(BROKEN);
  pass(800);
  assert.equal(streams.length, 2);
  random.mock.mockImplementation(() => 0.999_999);
  last().ends(BROKEN);
  pass(2399);
  assert.equal(streams.length, 2);
  pass(1);
  assert.equal(streams.length, 3);
});

test("A server that does not say how it is within ten seconds is lost.", (t) => {
  const { told, last, pass } = watched(t);
  pass(9_999);
  assert.deepEqual(told, []);
  pass(1);
  assert.deepEqual(told, ["lost"]);
  assert.equal(last().open, false);
});

test("A stream that was good is not closed because time passes.", (t) => {
  const { told, last, streams, pass } = watched(t);
  last().says(ServingStatus.SERVING);
  pass(86_400_000);
  assert.equal(last().open, true);
  assert.deepEqual([streams.length, told.length], [1, 0]);
});

test("Streams that end again and again as soon as they are good are opened ever more slowly, without a word.", (t) => {
  const { told, last, streams, pass } = watched(t);
  for (const wait of [0, 1000, 2000, 4000, 8000, 15_000]) {
    last().says(ServingStatus.SERVING);
    last().ends();
    const before = streams.length;
    if (wait > 0) pass(wait - 1);
    assert.equal(streams.length, before);
    pass(1);
    assert.equal(streams.length, before + 1);
  }
  assert.deepEqual(told, []);
});

test("Whoever asks for it, and a browser that is on line again, try at once, and the waits begin anew.", (t) => {
  const { connection, window, last, streams, pass } = watched(t);
  for (const wait of [1000, 2000, 4000]) {
    last().ends(BROKEN);
    pass(wait);
  }
  last().ends(BROKEN);
  connection.retry();
  assert.equal(streams.length, 5);
  last().ends(BROKEN);
  window.dispatchEvent(new Event("online"));
  assert.equal(streams.length, 6);
  last().ends(BROKEN);
  pass(1000);
  assert.equal(streams.length, 7);
});

test("There is one stream at a time.", (t) => {
  const { connection, window, streams, pass } = watched(t);
  connection.start();
  connection.retry();
  window.dispatchEvent(new Event("online"));
  pass(1);
  assert.deepEqual(
    streams.map(({ open }) => open),
    [false, false, true],
  );
});

test("A hidden page has no stream and tries nothing, and looks again when it is seen.", (t) => {
  const { page, window, told, last, streams, pass } = watched(t);
  last().says(ServingStatus.SERVING);
  page.shows("hidden");
  assert.equal(last().open, false);
  window.dispatchEvent(new Event("online"));
  pass(3_600_000);
  assert.equal(streams.length, 1);
  page.shows("visible");
  assert.equal(streams.length, 2);
  last().ends(BROKEN);
  assert.deepEqual(told, ["lost"]);
});

test("A page that is hidden while it waits does not try meanwhile.", (t) => {
  const { page, last, streams, pass } = watched(t);
  last().ends(BROKEN);
  page.shows("hidden");
  pass(3_600_000);
  assert.equal(streams.length, 1);
});

test("After the end there is no stream, whatever happens, until it is started again.", (t) => {
  const { connection, page, window, last, streams, pass } = watched(t);
  connection.stop();
  assert.equal(last().open, false);
  window.dispatchEvent(new Event("online"));
  page.shows("visible");
  connection.retry();
  pass(3_600_000);
  assert.equal(streams.length, 1);
  connection.start();
  assert.equal(streams.length, 2);
  window.dispatchEvent(new Event("online"));
  assert.equal(streams.length, 3);
});

test("A server that has no room for one who watches is there; it is asked again after the longest wait.", (t) => {
  const { told, last, streams, pass } = watched(t);
  const full = { code: 8, message: "too many calls at once" }; // RESOURCE_EXHAUSTED
  last().ends(new Failure("busy", "too many calls at once", "", full));
  pass(14_999);
  assert.deepEqual([told, streams.length], [[], 1]);
  pass(1);
  assert.equal(streams.length, 2);
  last().ends(new Failure("busy", "the store is away"));
  assert.deepEqual(told, ["lost"]);
});

test("A server that goes after it was there for long is tried for soon, however long it was away before.", (t) => {
  const { last, streams, pass } = watched(t);
  for (const wait of [1_000, 2_000, 4_000]) {
    last().ends(BROKEN);
    pass(wait);
  }
  last().says(ServingStatus.SERVING);
  pass(60_000);
  last().says(ServingStatus.NOT_SERVING);
  const before = streams.length;
  pass(1_000);
  assert.equal(streams.length, before + 1);
});
