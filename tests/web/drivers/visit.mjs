// Somebody's browser at the account page, and what is noted there.
import { profile } from "../../interop/drivers/people.mjs";

const TOKEN_ENDPOINT = "/oauth/v2/token";
// A picture that is not to be had is none of the page's mistakes.
const PICTURES = /net::ERR_NAME_NOT_RESOLVED/;

// A browser profile whose pages look the same on every machine.
export async function visit(browser, options) {
  const viewport = { width: 1280, height: 900 };
  const looks = { colorScheme: "light", reducedMotion: "reduce", timezoneId: "UTC", viewport };
  const visited = await profile(browser, { ...looks, ...options });
  const { context, noted } = visited;
  Object.assign(noted, { requests: [], answers: [], places: [] });
  context.on("request", (request) => noted.requests.push(sent(request)));
  context.on("response", (response) => {
    if (new URL(response.url()).pathname === TOKEN_ENDPOINT) {
      // At once: when its page is gone, so is the body.
      const answer = response.json();
      answer.catch(() => {}); // told to whoever asks for it
      noted.answers.push(answer);
    }
  });
  return visited;
}

function sent(request) {
  const headers = request.headers();
  return {
    url: request.url(),
    method: request.method(),
    kind: request.resourceType(),
    contentType: headers["content-type"] ?? null,
    token: headers.authorization?.replace("Bearer ", "") ?? null,
    form: headers["content-type"]?.startsWith("application/x-www-form-urlencoded") ? request.postData() : null,
  };
}

// All places of a page where somebody could find a token who should not.
export async function peek({ page, noted }) {
  const places = await page.evaluate(() => ({
    html: document.documentElement.outerHTML,
    local: { ...localStorage },
    session: { ...sessionStorage },
    cookie: document.cookie,
    url: location.href,
    state: history.state,
  }));
  noted.places.push(places);
}

// The answers of the token endpoint: what is in memory only.
export function tokens(noted) {
  return Promise.all(noted.answers);
}

// The latest of them.
export async function token(noted) {
  return (await tokens(noted)).at(-1).access_token;
}

// What the browser complained about, but for pictures that nobody has.
export function complaints(noted) {
  return noted.complaints.filter((text) => !PICTURES.test(text));
}

// The pages that were opened since then, by their paths.
export function opened(noted, since = 0) {
  const pages = noted.requests.slice(since).filter(({ kind }) => kind === "document");
  return pages.map(({ url }) => new URL(url).pathname);
}

// The names of the methods that were called since then, each with the token of its call.
export function called(noted, since = 0) {
  return noted.requests
    .slice(since)
    .filter(({ contentType }) => contentType?.startsWith("application/grpc-web"))
    .map(({ url, token }) => ({ method: url.split("/").at(-1), token }));
}
