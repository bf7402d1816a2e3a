/** As much of a browser as the page's modules touch. */

/** Makes a value global for as long as the process lives. */
export function setGlobal(name: string, value: unknown): void {
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}

/** A session storage: what is stored are its own keys, as in browsers. */
export function storage(): Storage {
  return Object.create({
    getItem(this: Record<string, string>, key: string) {
      return Object.hasOwn(this, key) ? this[key] : null;
    },
    setItem(this: Record<string, string>, key: string, value: string) {
      this[key] = value;
    },
    removeItem(this: Record<string, string>, key: string) {
      delete this[key];
    },
  }) as Storage;
}

/** A tab at an address: `went` resolves with where the page sends the browser, `shown` is the address that is shown. */
export class Tab {
  readonly went: Promise<URL>;
  readonly #url: URL;
  #leave: (url: URL) => void = () => {};

  /** Opens the address in a tab with this storage, which the next page of the same tab finds again. */
  constructor(address: string, kept: Storage) {
    this.#url = new URL(address);
    this.went = new Promise((resolve) => {
      this.#leave = resolve;
    });
    const url = this.#url;
    setGlobal("sessionStorage", kept);
    setGlobal("location", {
      get origin() {
        return url.origin;
      },
      get pathname() {
        return url.pathname;
      },
      get search() {
        return url.search;
      },
      get hash() {
        return url.hash;
      },
      replace: (to: string) => this.#leave(new URL(to)),
    });
    setGlobal("history", {
      replaceState: (_: unknown, __: string, to: string) => {
        url.href = new URL(to, url).href;
      },
    });
  }

  get shown(): string {
    return this.#url.href;
  }
}
