// WorkOS's own emulator, as its command line tool has it on npm, with one user who has signed in some times. The one of
// the repository workos/emulate has gone on from there; npm has no package of it.
//
//   node bench/peers/workos_emulator/emulator.mjs --listen 127.0.0.1:4100 [--sessions 10] [--keys 1000]
//
// Prints the path that lists the user's sessions, and then `ready`. It answers each API key 999 times a minute, so
// there are many: `sk_test_000001` and so on. Of the address only the port counts, for the emulator listens on all of
// the machine's. Sessions are made by signing in, of which it takes 999 a minute, too. Lists are never cut into pages.
import { parseArgs } from "node:util";
import { createEmulator } from "workos/emulate";

const { values } = parseArgs({
  options: {
    database: { type: "string" }, // not used: it has its data in memory
    keys: { type: "string", default: "1000" },
    listen: { type: "string" },
    sessions: { type: "string", default: "10" },
  },
});

const credentials = { email: "gigi@zitadel.com", password: "giraffes are tall" };
const apiKeys = Object.fromEntries(
  Array.from({ length: Number(values.keys) }, (_, at) => [
    `sk_test_${String(at + 1).padStart(6, "0")}`,
    { environment: "test" },
  ]),
);
const emulator = await createEmulator({
  port: Number(values.listen.split(":").at(-1)),
  seed: { apiKeys, users: [{ ...credentials, email_verified: true }] },
});

/** Signs the user in, which is how sessions come about. */
async function signIn() {
  const response = await fetch(`${emulator.url}/user_management/authenticate`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      ...credentials,
      grant_type: "password",
      client_id: "client_bench",
      client_secret: emulator.apiKey,
    }),
  });
  if (!response.ok) throw new Error(`the emulator signs nobody in: ${await response.text()}`);
  return (await response.json()).user.id;
}

let user;
for (let count = 0; count < Number(values.sessions); count += 1) user = await signIn();
console.log(`/user_management/users/${user}/sessions`);
console.log("ready");
