/** Requests of a browser, as the gRPC-Web client makes them, answered by the test. */

import { setGlobal } from "./browser.ts";

type Headers = Record<string, string>;

/** One `XMLHttpRequest`; the last one that was sent is `Request.last`. */
export class Request {
  static last: Request;

  readonly headers: Headers = {};
  url = "";
  sent: Uint8Array | string = "";
  readyState = 0;
  status = 0;
  responseType = "";
  responseText = "";
  response: ArrayBuffer | string | null = null;
  aborted = false;
  onreadystatechange: (() => void) | null = null;
  #answer: Headers = {};

  open(_method: string, url: string): void {
    this.url = url;
    this.readyState = 1;
  }

  setRequestHeader(name: string, value: string): void {
    this.headers[name.toLowerCase()] = value;
  }

  send(body: Uint8Array | string): void {
    this.sent = body;
    Request.last = this;
  }

  abort(): void {
    this.aborted = true;
  }

  getResponseHeader(name: string): string | null {
    return this.#answer[name.toLowerCase()] ?? null;
  }

  getAllResponseHeaders(): string {
    return Object.entries(this.#answer)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join("");
  }

  /** The head of an answer. */
  begins(headers: Headers, status = 200): void {
    this.#answer = headers;
    this.status = status;
    this.#turns(2);
  }

  /** A piece of an answer in text. */
  brings(text: string): void {
    this.responseText += text;
    this.#turns(3);
  }

  /** The end of an answer, with all of its bytes unless it came in pieces. */
  ends(bytes?: Uint8Array): void {
    if (bytes) this.response = Uint8Array.from(bytes).buffer;
    this.#turns(4);
  }

  /** The end of a connection. */
  breaks(): void {
    this.status = 0;
    this.#answer = {};
    this.#turns(4);
  }

  #turns(readyState: number): void {
    this.readyState = readyState;
    this.onreadystatechange?.();
  }
}

setGlobal("XMLHttpRequest", Request);

/** A frame of gRPC-Web: a message, or with flag 128 the trailers. */
export function frame(content: Uint8Array | string, flag = 0): Uint8Array {
  const bytes = Buffer.from(content);
  const head = Buffer.alloc(5);
  head.writeUInt8(flag);
  head.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

/** Trailers with a status. */
export function trailers(status: number, message = ""): Uint8Array {
  return frame(`grpc-status: ${status}\r\ngrpc-message: ${encodeURIComponent(message)}\r\n`, 128);
}

/** Frames in the text format. */
export function text(...frames: Uint8Array[]): string {
  return Buffer.concat(frames).toString("base64");
}
