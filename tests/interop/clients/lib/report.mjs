// One run of a client: every call of the AuthService, once more with a bad token, and a JSON document on stdout.

const BAD_TOKEN = "not-a-token-of-anybody";

/**
 * Runs a client and prints what it saw.
 *
 * `connect(baseUrl, token)` returns the calls of the client: `user()`, `sessions()` and `grants(query)` resolve to
 * the ProtoJSON of the response, or reject with an error of the client's own; `failure(error)` tells such an error as
 * `{code, message, details}`.
 */
export async function report(connect) {
  const [baseUrl, token] = process.argv.slice(2);
  if (!token) {
    throw new Error(`usage: node ${process.argv[1]} BASE_URL TOKEN`);
  }
  const calls = connect(baseUrl, token);
  const document = {
    ...(await calls.user()),
    sessions: (await calls.sessions()).result ?? [],
    grants: grants(await calls.grants({ limit: 2, asc: true })),
    badToken: await failure(connect(baseUrl, BAD_TOKEN)),
  };
  console.log(JSON.stringify(document, null, 2));
}

function grants({ details, result }) {
  const { totalResult: total, ...rest } = details;
  return { total, ...rest, items: result ?? [] };
}

async function failure(calls) {
  try {
    await calls.user();
  } catch (error) {
    return calls.failure(error);
  }
  throw new Error("a bad token was taken");
}
