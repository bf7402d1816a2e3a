// WorkOS's SDK for Node, as a back end uses it. Takes the name of its package; then a call a line comes in as JSON, and
// its outcome goes out.
import { createInterface } from "node:readline";

const { WorkOS } = await import(process.argv[2]);

const snake = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
const renamed = (object, rename) => Object.fromEntries(Object.entries(object).map(([name, value]) => [rename(name), value]));

// Names as JSON has them, one level deep and for an event's session.
const row = (object) => {
  const values = renamed(object, snake);
  return "event" in values ? { ...values, data: row(values.data) } : values;
};
const page = ({ data, listMetadata }) => ({
  data: data.map(row),
  types: data.length ? renamed(Object.fromEntries(Object.entries(data[0]).map(([name, value]) => [name, typeof value])), snake) : {},
  before: listMetadata.before ?? null,
  after: listMetadata.after ?? null,
});
const given = (options) => (Object.keys(options).length ? renamed(options, camel) : undefined);

const operations = {
  list_sessions: async (workos, { user, ...options }) => page(await workos.userManagement.listSessions(user, given(options))),
  walk_sessions: async (workos, { user, ...options }) => {
    const found = await workos.userManagement.listSessions(user, given(options));
    return (await found.autoPagination()).map(({ id }) => id);
  },
  sign_out_everywhere: async (workos, { user, limit }) => {
    let count = 0;
    let after;
    do {
      const { data, listMetadata } = await workos.userManagement.listSessions(user, { limit, after });
      for (const { id } of data) {
        await workos.userManagement.revokeSession({ sessionId: id });
        count += 1;
      }
      after = listMetadata.after;
    } while (after);
    return count;
  },
  revoke_session: (workos, { session }) => workos.userManagement.revokeSession({ sessionId: session }),
  get_user: async (workos, { user }) => row(await workos.userManagement.getUser(user)),
  get_user_by_external_id: async (workos, { external_id }) => row(await workos.userManagement.getUserByExternalId(external_id)),
  // Somebody signs in; and what the SDK reads from the cookie that it makes of the answer.
  authenticate: async (workos, { how, cookie_password: cookiePassword, ...options }) => {
    const method = `authenticateWith${camel(`_${how}`)}`;
    const session = { sealSession: true, cookiePassword };
    const answer = await workos.userManagement[method]({ clientId: "client_test", session, ...renamed(options, camel) });
    const { sessionId, organizationId } = await workos.userManagement
      .loadSealedSession({ sessionData: answer.sealedSession, cookiePassword })
      .authenticate();
    return {
      user: answer.user.id,
      access_token: answer.accessToken,
      refresh_token: answer.refreshToken,
      organization: answer.organizationId,
      method: answer.authenticationMethod ?? null,
      session: sessionId,
      session_organization: organizationId,
    };
  },
  list_users: async (workos, options) => page(await workos.userManagement.listUsers(given(options))),
  list_events: async (workos, options) => page(await workos.events.listEvents(given(options))),
  // Version 8 takes the parsed body, and writes it as JSON again to check the signature.
  verify_event: async (workos, { body, signature, secret }) => {
    const payload = process.argv[2] === "workos-node-8" ? JSON.parse(body) : body;
    return row(await workos.webhooks.constructEvent({ payload, sigHeader: signature, secret }));
  },
};

const clients = new Map();
const connected = (server, key) => {
  const { hostname, port } = new URL(server);
  const name = `${server} ${key}`;
  if (!clients.has(name)) {
    clients.set(name, new WorkOS(key, { apiHostname: hostname, port: Number(port), https: false, clientId: "client_test" }));
  }
  return clients.get(name);
};

for await (const line of createInterface({ input: process.stdin })) {
  const { operation, server, key, arguments: options } = JSON.parse(line);
  let outcome;
  try {
    outcome = { value: (await operations[operation](connected(server, key), options)) ?? null };
  } catch (error) {
    const { status, message, code, requestID: request_id, errors, rawData } = error;
    outcome = { error: { class: error.name, status, message, code, request_id, errors, raw: rawData } };
  }
  console.log(JSON.stringify(outcome));
}
