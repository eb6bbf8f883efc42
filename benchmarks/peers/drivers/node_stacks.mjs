// One and the same `GET /me`, open and protected: `node node_stacks.mjs KIND PORT ISSUER JWKS AUDIENCE`.
import { createRequire } from "node:module";
import { createServer } from "node:http";
import path from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(path.join(process.env.PEERS_NODE_MODULES, "package.json"));
const [kind, port, issuer, jwksUri, audience] = process.argv.slice(2);

async function verifier() {
  if (kind === "http+jose") {
    const { createRemoteJWKSet, jwtVerify } = await import(pathToFileURL(require.resolve("jose")));
    const jwks = createRemoteJWKSet(new URL(jwksUri));
    return async (token) => (await jwtVerify(token, jwks, { issuer, audience })).payload;
  }
  if (kind === "http+aws-jwt-verify") {
    const { JwtVerifier } = require("aws-jwt-verify");
    const made = JwtVerifier.create({ issuer, audience, jwksUri });
    return (token) => made.verify(token);
  }
  if (kind.startsWith("http+fast-jwt")) {
    const { createVerifier } = require("fast-jwt");
    const getJwks = require("get-jwks")({ issuersWhitelist: [issuer] });
    const key = async ({ header }) => getJwks.getPublicKey({ kid: header.kid, alg: header.alg, domain: issuer });
    const cache = kind.endsWith("cached") ? { cache: 10000 } : {};
    return createVerifier({ key, allowedIss: issuer, allowedAud: audience, ...cache });
  }
  return async () => ({ sub: "alice" });
}

function answer(response, status, body) {
  const text = JSON.stringify(body);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
  response.end(text);
}

if (kind.startsWith("http")) {
  const verify = await verifier();
  createServer(async (request, response) => {
    if (request.url === "/ready") return answer(response, 200, {});
    if (kind === "http") return answer(response, 200, { sub: "alice", scope: "read" });
    const [scheme, token] = (request.headers.authorization ?? "").split(" ");
    if (scheme !== "Bearer") return answer(response, 401, {});
    try {
      return answer(response, 200, { sub: (await verify(token)).sub, scope: "read" });
    } catch {
      return answer(response, 401, {});
    }
  }).listen(Number(port), "127.0.0.1");
} else {
  const express = require("express");
  const app = express();
  app.get("/ready", (_request, response) => response.json({}));
  if (kind !== "express") {
    const { auth } = require("express-oauth2-jwt-bearer");
    app.use(auth({ issuerBaseURL: issuer, audience }));
  }
  app.get("/me", (request, response) => response.json({ sub: request.auth?.payload.sub ?? "alice", scope: "read" }));
  app.listen(Number(port), "127.0.0.1");
}
