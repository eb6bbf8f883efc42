// npm `openid-client`, through every flow it has: says in a line of JSON what a person has to do, and at the end what it saw.
import { createInterface } from 'node:readline';
import * as client from 'openid-client';

const { ISSUER, API, PUBLIC_ID, WEB_ID, WEB_SECRET, KEY_ID, KEY_JWK, DEVICE_ID, SERVICE_ID, SERVICE_SECRET, CALLBACK, BYE } = process.env;
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const tell = (message) => process.stdout.write(JSON.stringify(message) + '\n');
const person = async (message) => {
  tell(message);
  return (await lines.next()).value;
};
const plain = { execute: [client.allowInsecureRequests] };
const discover = (id, metadata, auth) => client.discovery(new URL(ISSUER), id, metadata, auth, plain);

// Sends a person to sign in, and redeems what comes back. The library checks state, iss, nonce, the ID token and its signature.
async function signIn(config, redirect_uri, scope, push = false, more = {}) {
  const verifier = client.randomPKCECodeVerifier();
  const expected = { pkceCodeVerifier: verifier, expectedState: client.randomState(), expectedNonce: client.randomNonce(), idTokenExpected: true };
  const parameters = {
    redirect_uri,
    scope,
    state: expected.expectedState,
    nonce: expected.expectedNonce,
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    ...more,
  };
  const address = push ? await client.buildAuthorizationUrlWithPAR(config, parameters) : client.buildAuthorizationUrl(config, parameters);
  const answer = new URL(await person({ open: address.href }));
  return client.authorizationCodeGrant(config, answer, expected);
}

const refused = async (promise) => promise.then(() => null, (error) => error.error ?? error.cause?.error ?? error.code);
const saw = {};
let forAlice;

// A native app: public client, loopback redirect with a port of its own, offline_access.
{
  const config = await discover(PUBLIC_ID, undefined, client.None());
  client.enableNonRepudiationChecks(config);
  saw.pkce = config.serverMetadata().supportsPKCE();
  const tokens = await signIn(config, 'http://127.0.0.1:51234/cb', 'openid profile offline_access');
  const user = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
  const again = await client.refreshTokenGrant(config, tokens.refresh_token);
  await client.tokenRevocation(config, again.refresh_token);
  saw.native = {
    username: user.preferred_username,
    refreshed: typeof again.access_token,
    revoked: await refused(client.refreshTokenGrant(config, again.refresh_token)),
  };
}

// A web application: secret, pushed request, token for an API, introspection, sign-out.
{
  const config = await discover(WEB_ID, WEB_SECRET, client.ClientSecretBasic(WEB_SECRET));
  client.enableNonRepudiationChecks(config);
  const tokens = await signIn(config, CALLBACK, 'openid profile notes:read', true, { resource: API });
  forAlice = tokens.access_token;
  const about = await client.tokenIntrospection(config, tokens.access_token);
  const notes = await client.fetchProtectedResource(config, tokens.access_token, new URL('/notes', API), 'GET');
  saw.web = {
    active: about.active,
    audience: about.aud,
    notes: notes.status,
    sign_out: client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: BYE }).href,
  };
}

// A client that proves itself by a key (private_key_jwt): the library's own assertion, nothing of it changed.
{
  const key = await crypto.subtle.importKey('jwk', JSON.parse(KEY_JWK), { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign']);
  const config = await discover(KEY_ID, undefined, client.PrivateKeyJwt({ key, kid: JSON.parse(KEY_JWK).kid }));
  const tokens = await client.clientCredentialsGrant(config, { scope: 'notes:read', resource: API });
  saw.key = { type: tokens.token_type, scope: tokens.scope };
}

// A service: a token of its own, and one on behalf of the person whose token the web application holds (RFC 8693).
{
  const config = await discover(SERVICE_ID, SERVICE_SECRET, client.ClientSecretPost(SERVICE_SECRET));
  const own = await client.clientCredentialsGrant(config, { scope: 'notes:read', resource: API });
  const tokens = await client.genericGrantRequest(config, 'urn:ietf:params:oauth:grant-type:token-exchange', {
    subject_token: forAlice,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    resource: API,
    scope: 'notes:read',
  });
  const { act } = JSON.parse(Buffer.from(tokens.access_token.split('.')[1], 'base64url'));
  const notes = await client.fetchProtectedResource(config, tokens.access_token, new URL('/notes', API), 'GET');
  await client.tokenRevocation(config, own.access_token);
  saw.service = {
    type: own.token_type,
    exchanged: tokens.issued_token_type,
    actor: act.sub,
    notes: notes.status,
    after: (await client.tokenIntrospection(config, own.access_token)).active,
  };
}

// A device without a keyboard.
{
  const config = await discover(DEVICE_ID, undefined, client.None());
  const begun = await client.initiateDeviceAuthorization(config, { scope: 'openid notes:read', resource: API });
  const page = await person({ approve: begun.verification_uri_complete });
  const tokens = await client.pollDeviceAuthorizationGrant(config, { ...begun, interval: 0.1 });
  const notes = await client.fetchProtectedResource(config, tokens.access_token, new URL('/notes', API), 'GET');
  saw.device = { page, notes: notes.status, sub: typeof tokens.claims()?.sub };
}

// A client that nobody registered: it does so itself (RFC 7591).
{
  const config = await client.dynamicClientRegistration(
    new URL(ISSUER),
    { client_name: 'Walk-in', redirect_uris: [CALLBACK], grant_types: ['authorization_code', 'refresh_token'], scope: 'openid profile' },
    client.ClientSecretBasic(),
    plain,
  );
  const tokens = await signIn(config, CALLBACK, 'openid profile');
  saw.registered = { method: config.clientMetadata().token_endpoint_auth_method, issuer: tokens.claims().iss };
}

tell({ saw });
process.stdin.destroy();
