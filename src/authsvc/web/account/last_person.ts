/** Whom the page showed last in this tab: a login name and nothing else, to be signed in as again without a question. */

const KEY = "authsvc.account.person";

/** The login name, or "" for nobody. */
export function lastPerson(): string {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return ""; // a browser may refuse its storage: then the server asks
  }
}

/** Somebody is shown; "" for nobody any more. */
export function showsPerson(loginName: string): void {
  try {
    if (loginName) sessionStorage.setItem(KEY, loginName);
    else sessionStorage.removeItem(KEY);
  } catch {
    // As above.
  }
}
