// Node libraries, each as its README says: `node node_peers.mjs NAME`. Understands what python_peers.py does.
import { createRequire } from "node:module";
import { generateKeyPairSync, sign, verify as verifySignature } from "node:crypto";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import path from "node:path";
import { pathToFileURL } from "node:url";

// This file lies with the project, the libraries in an environment of their own.
const folder = process.env.PEERS_NODE_MODULES;
const require = createRequire(path.join(folder, "package.json"));

const makers = {
  async jose({ issuer, jwks_uri, audience }) {
    const { createRemoteJWKSet, jwtVerify } = await import(pathToFileURL(require.resolve("jose")));
    const jwks = createRemoteJWKSet(new URL(jwks_uri));
    return (token) => jwtVerify(token, jwks, { issuer, audience });
  },
  async "aws-jwt-verify"({ issuer, jwks_uri, audience }) {
    const { JwtVerifier } = require("aws-jwt-verify");
    const verifier = JwtVerifier.create({ issuer, audience, jwksUri: jwks_uri });
    return (token) => verifier.verify(token);
  },
  async "express-oauth2-jwt-bearer"({ issuer, audience }) {
    const express = require("express");
    const { auth } = require("express-oauth2-jwt-bearer");
    const app = express();
    app.use(auth({ issuerBaseURL: issuer, audience }));
    app.get("/", (_request, response) => response.json({}));
    app.use((error, _request, response, _next) => response.status(error.status ?? 500).json({ why: error.message }));
    const server = await new Promise((resolve) => {
      const listening = app.listen(0, "127.0.0.1", () => resolve(listening));
    });
    server.unref();
    return async (token) => {
      const answer = await fetch(`http://127.0.0.1:${server.address().port}/`, { headers: { authorization: `Bearer ${token}` } });
      if (!answer.ok) throw new Error(`${answer.status} ${(await answer.json()).why}`);
    };
  },
  async "fast-jwt"({ issuer, audience, cache }) {
    const { createVerifier } = require("fast-jwt");
    const buildGetJwks = require("get-jwks");
    const domain = issuer;
    const getJwks = buildGetJwks({ issuersWhitelist: [domain] });
    return createVerifier({
      key: async ({ header }) => getJwks.getPublicKey({ kid: header.kid, alg: header.alg, domain }),
      allowedIss: issuer,
      allowedAud: audience,
      ...(cache ? { cache } : {}),
    });
  },
};

const name = process.argv[2];
let verify;

async function attempt(token) {
  try {
    await verify(token);
    return { accepted: true };
  } catch (error) {
    return { accepted: false, why: `${error.name}: ${error.message}`.slice(0, 200) };
  }
}

async function stall(token) {
  let longest = 0;
  let last = performance.now();
  const ticking = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 2);
  await new Promise((resolve) => setTimeout(resolve, 50));
  longest = 0;
  const outcome = await attempt(token);
  await new Promise((resolve) => setTimeout(resolve, 10));
  clearInterval(ticking);
  return { ...outcome, stalled_ms: longest };
}

// Processor time of the whole process: some libraries verify in its other threads. In turn: the machine changes its speed.
async function interleaved(works, batches = 5) {
  const best = works.map(() => Infinity);
  for (let batch = 0; batch < batches; batch += 1) {
    for (const [index, [act, count]] of works.entries()) {
      const began = process.cpuUsage();
      await act();
      const { user, system } = process.cpuUsage(began);
      best[index] = Math.min(best[index], (user + system) / count);
    }
  }
  return best;
}

async function time(tokens) {
  if (!(await attempt(tokens[0])).accepted) throw new Error("it does not accept what it is timed with");
  const each = async () => {
    for (const token of tokens) await verify(token);
  };
  await each();
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const message = Buffer.alloc(522, "x");
  const signature = sign("sha256", message, privateKey);
  const raw = async () => {
    for (let n = 0; n < 2000; n += 1) verifySignature("sha256", message, publicKey, signature);
  };
  await raw();
  const [us, raw_us] = await interleaved([[each, tokens.length], [raw, 2000]]);
  return { us, raw_us };
}

async function carryOut(order) {
  if (order.do === "new") {
    verify = await makers[name](order);
    return {};
  }
  if (order.do === "time passed") return {};
  if (order.do === "many") {
    let accepted = 0;
    for (const token of order.tokens) accepted += (await attempt(token)).accepted ? 1 : 0;
    return { accepted };
  }
  if (order.do === "stall") return stall(order.token);
  if (order.do === "time") return time(order.tokens);
  return attempt(order.token);
}

const manifest = JSON.parse(readFileSync(path.join(folder, "node_modules", name, "package.json"), "utf8"));
console.log(JSON.stringify({ version: manifest.version }));
for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await carryOut(JSON.parse(line))));
}
