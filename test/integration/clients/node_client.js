// Usage: node node_client.js CA URL
//
// Reads the URL to its end by node:http2 and prints what came as JSON.
"use strict";
const crypto = require("node:crypto");
const fs = require("node:fs");
const http2 = require("node:http2");

const [, , ca, address] = process.argv;
const url = new URL(address);
const fail = (error) => {
  console.error(error);
  process.exit(1);
};

const session = http2.connect(url.origin, { ca: fs.readFileSync(ca) });
session.on("error", fail);
session.on("goaway", (code) => code && fail(`GOAWAY ${code}`));
const request = session.request({ ":path": url.pathname + url.search });
const sum = crypto.createHash("sha256");
let status;
let size = 0;
request.on("response", (headers) => (status = headers[":status"]));
request.on("data", (piece) => {
  size += piece.length;
  sum.update(piece);
});
request.on("error", fail);
request.on("end", () => {
  console.log(JSON.stringify({ status, size, sha256: sum.digest("hex") }));
  session.close();
});
