// openid-client, as a web application uses it. A party is a client of one issuer.
import * as openid from "openid-client";

import { serve } from "../../drivers/lines.mjs";

const METHODS = {
  client_secret_basic: openid.ClientSecretBasic,
  client_secret_post: openid.ClientSecretPost,
  none: openid.None,
};
const parties = new Map();

const polls = new Map();

const told = (answer) => {
  const { access_token, refresh_token, scope, expires_in, id_token } = answer;
  return { access_token, refresh_token, scope, expires_in, id_token, claims: answer.claims() };
};

await serve({
  // With the checks of signatures that are optional for what came directly from the token endpoint.
  async discover({ issuer, client_id, client_secret, method, algorithm, redirect_uri }) {
    const metadata = { id_token_signed_response_alg: algorithm };
    const config = await openid.discovery(new URL(issuer), client_id, metadata, METHODS[method](client_secret), {
      execute: [openid.allowInsecureRequests, openid.enableNonRepudiationChecks],
    });
    parties.set(client_id, { config, redirect_uri });
    return config.serverMetadata();
  },
  async begin({ client_id, ...parameters }) {
    const party = parties.get(client_id);
    const pkceCodeVerifier = openid.randomPKCECodeVerifier();
    party.checks = {
      pkceCodeVerifier,
      expectedState: openid.randomState(),
      expectedNonce: openid.randomNonce(),
      idTokenExpected: true,
      ...(parameters.max_age !== undefined && { maxAge: Number(parameters.max_age) }),
    };
    return openid.buildAuthorizationUrl(party.config, {
      redirect_uri: party.redirect_uri,
      code_challenge: await openid.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: "S256",
      state: party.checks.expectedState,
      nonce: party.checks.expectedNonce,
      ...parameters,
    }).href;
  },
  async finish({ client_id, callback }) {
    const party = parties.get(client_id);
    return told(await openid.authorizationCodeGrant(party.config, new URL(callback), party.checks));
  },
  refresh: async ({ client_id, refresh_token }) =>
    told(await openid.refreshTokenGrant(parties.get(client_id).config, refresh_token)),
  userinfo: ({ client_id, access_token, subject }) =>
    openid.fetchUserInfo(parties.get(client_id).config, access_token, subject),
  introspect: ({ client_id, token }) => openid.tokenIntrospection(parties.get(client_id).config, token),
  revoke: ({ client_id, token }) => openid.tokenRevocation(parties.get(client_id).config, token),
  log_out: ({ client_id, ...parameters }) => openid.buildEndSessionUrl(parties.get(client_id).config, parameters).href,
  ask_for_device: ({ client_id, scope }) =>
    openid.initiateDeviceAuthorization(parties.get(client_id).config, { scope }),
  // Goes on while others are served; `polled` waits for its end.
  poll({ client_id, answer }) {
    const party = parties.get(client_id);
    const poll = openid.pollDeviceAuthorizationGrant(party.config, answer);
    poll.catch(() => {});
    polls.set(answer.device_code, poll);
  },
  polled: async ({ device_code }) => told(await polls.get(device_code)),
});
