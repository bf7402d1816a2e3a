// A page that people sign in to with oidc-client-ts.
// `window.settings`, which are there before the page is loaded, are those of its UserManager; `window.party` is ready
// when the page has dealt with its own URL.

import { UserManager, WebStorageStateStore } from "oidc-client-ts";

const manager = new UserManager({
  userStore: new WebStorageStateStore({ store: window.localStorage }),
  loadUserInfo: true,
  ...window.settings,
});

function told(user) {
  return (
    user && {
      accessToken: user.access_token,
      refreshToken: user.refresh_token,
      idToken: user.id_token,
      scope: user.scope,
      profile: user.profile,
      sessionState: user.session_state,
    }
  );
}

// The query of its own that it was called with is gone afterwards, as applications do it.
async function arrived() {
  const query = new URLSearchParams(location.search);
  if (!query.has("state")) {
    return {};
  }
  try {
    if (query.has("code") || query.has("error")) {
      return { user: told(await manager.signinCallback()) };
    }
    return { signedOut: Boolean(await manager.signoutCallback()) };
  } catch ({ name, message, error }) {
    return { failure: { name, message, error } };
  } finally {
    history.replaceState({}, "", location.pathname);
  }
}

window.party = {
  manager,
  arrival: await arrived(),
  user: async () => told(await manager.getUser()),
  renew: async () => told(await manager.signinSilent()),
  inWindow: async () => told(await manager.signinPopup()),
};
