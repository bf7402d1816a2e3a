// oauth4webapi, whose every step is a request and the strict reading of its answer. A party is a client of one issuer.
import * as oauth from "oauth4webapi";

import { serve } from "../../drivers/lines.mjs";

const METHODS = {
  client_secret_basic: oauth.ClientSecretBasic,
  client_secret_post: oauth.ClientSecretPost,
  none: oauth.None,
};
// The servers are on this machine.
const plain = { [oauth.allowInsecureRequests]: true };
const parties = new Map();

const read = async (party, process, response, options) => {
  const answer = await process(party.server, party.client, response, options);
  const claims = oauth.getValidatedIdTokenClaims(answer);
  if (claims) {
    await oauth.validateApplicationLevelSignature(party.server, response, plain);
  }
  const { access_token, refresh_token, scope, expires_in, id_token } = answer;
  return { access_token, refresh_token, scope, expires_in, id_token, claims };
};

await serve({
  async discover({ issuer, client_id, client_secret, method, algorithm, redirect_uri, document = "oidc" }) {
    const url = new URL(issuer);
    const response = await oauth.discoveryRequest(url, { algorithm: document, ...plain });
    const server = await oauth.processDiscoveryResponse(url, response);
    const client = { client_id, id_token_signed_response_alg: algorithm };
    parties.set(client_id, { server, client, redirect_uri, authentication: METHODS[method](client_secret) });
    return server;
  },
  async begin({ client_id, ...parameters }) {
    const party = parties.get(client_id);
    party.verifier = oauth.generateRandomCodeVerifier();
    party.state = oauth.generateRandomState();
    party.nonce = oauth.generateRandomNonce();
    party.maxAge = parameters.max_age === undefined ? undefined : Number(parameters.max_age);
    const url = new URL(party.server.authorization_endpoint);
    url.search = new URLSearchParams({
      client_id,
      response_type: "code",
      redirect_uri: party.redirect_uri,
      code_challenge: await oauth.calculatePKCECodeChallenge(party.verifier),
      code_challenge_method: "S256",
      state: party.state,
      nonce: party.nonce,
      ...parameters,
    });
    return url.href;
  },
  async finish({ client_id, callback }) {
    const party = parties.get(client_id);
    const parameters = oauth.validateAuthResponse(party.server, party.client, new URL(callback), party.state);
    const response = await oauth.authorizationCodeGrantRequest(
      party.server,
      party.client,
      party.authentication,
      parameters,
      party.redirect_uri,
      party.verifier,
      plain,
    );
    const expected = { expectedNonce: party.nonce, requireIdToken: true, maxAge: party.maxAge };
    return read(party, oauth.processAuthorizationCodeResponse, response, expected);
  },
  async refresh({ client_id, refresh_token }) {
    const party = parties.get(client_id);
    const { server, client, authentication } = party;
    const response = await oauth.refreshTokenGrantRequest(server, client, authentication, refresh_token, plain);
    return read(party, oauth.processRefreshTokenResponse, response);
  },
  async userinfo({ client_id, access_token, subject }) {
    const { server, client } = parties.get(client_id);
    const response = await oauth.userInfoRequest(server, client, access_token, plain);
    return oauth.processUserInfoResponse(server, client, subject, response);
  },
  async introspect({ client_id, token }) {
    const { server, client, authentication } = parties.get(client_id);
    const response = await oauth.introspectionRequest(server, client, authentication, token, plain);
    return oauth.processIntrospectionResponse(server, client, response);
  },
  async revoke({ client_id, token }) {
    const { server, client, authentication } = parties.get(client_id);
    return oauth.processRevocationResponse(
      await oauth.revocationRequest(server, client, authentication, token, plain),
    );
  },
  // What a resource server of somebody else does with an access token that is a JWT.
  async verify({ client_id, access_token, audience }) {
    const headers = { authorization: `Bearer ${access_token}` };
    const request = new Request("https://resource.example/", { headers });
    return oauth.validateJwtAccessToken(parties.get(client_id).server, request, audience, plain);
  },
  async ask_for_device({ client_id, scope }) {
    const { server, client, authentication } = parties.get(client_id);
    const response = await oauth.deviceAuthorizationRequest(server, client, authentication, { scope }, plain);
    return oauth.processDeviceAuthorizationResponse(server, client, response);
  },
  async device_tokens({ client_id, device_code }) {
    const party = parties.get(client_id);
    const { server, client, authentication } = party;
    const response = await oauth.deviceCodeGrantRequest(server, client, authentication, device_code, plain);
    return read(party, oauth.processDeviceCodeResponse, response);
  },
});
