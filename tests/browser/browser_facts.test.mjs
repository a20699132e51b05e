// The pure functions of the browser check, in Node; CHECK names the module, put together.

import assert from "node:assert/strict";
import test from "node:test";

const check = await import(process.env.CHECK);

const WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) ";
const MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) ";
const IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 14_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) ";

for (const [userAgent, name, version, system, supported] of [
  [`${WINDOWS}Chrome/130.0.0.0 Safari/537.36`, "chrome", "130.0.0.0", "windows", true],
  [`${WINDOWS}Chrome/71.0.3578.98 Safari/537.36`, "chrome", "71.0.3578.98", "windows", false],
  [`${WINDOWS}Chrome/72.0.3626.81 Safari/537.36`, "chrome", "72.0.3626.81", "windows", true],
  [`${WINDOWS}Chrome/130.0.0.0 Safari/537.36 Edg/130.0.2849.80`, "edge", "130.0.2849.80", "windows", true],
  [`${WINDOWS}Chrome/64.0.3282.140 Safari/537.36 Edge/18.17763`, "edge", "18.17763", "windows", false],
  [`${WINDOWS}Chrome/130.0.0.0 Safari/537.36 OPR/115.0.0.0`, "chrome", "130.0.0.0", "windows", true],
  ["Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "firefox", "128.0", "linux", true],
  ["Mozilla/5.0 (X11; Linux x86_64; rv:59.0) Gecko/20100101 Firefox/59.0", "firefox", "59.0", "linux", false],
  [`${MAC}Version/14.1 Safari/605.1.15`, "safari", "14.1", "macos", true],
  [`${MAC}Version/14.0.3 Safari/605.1.15`, "safari", "14.0.3", "macos", false],
  [`${IPHONE}Version/14.0 Mobile/15E148 Safari/604.1`, "safari", "14.0", "ios", false],
  [`${IPHONE.replace("14_0", "17_5")}CriOS/130.0.0.0 Mobile/15E148 Safari/604.1`, "safari", "17.5", "ios", true],
  ["Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/129.0.0.0 Mobile Safari/537.36", "chrome", "129.0.0.0", "android", true],
  ["Lynx/2.8.9", "unknown", "", "unknown", null],
  ["", "unknown", "", "unknown", null],
]) {
  test(`a browser by its user agent: ${name} ${version} on ${system}`, () => {
    const found = check.readBrowser({ userAgent });
    assert.deepEqual([found.name, found.version, found.system], [name, version, system]);
    assert.equal(check.isSupported(found), supported);
  });
}

test("an iPad that calls itself a Mac has a touch screen", () => {
  const userAgent = `${MAC}Version/17.0 Safari/605.1.15`;
  assert.equal(check.readBrowser({ userAgent, touchPoints: 5 }).system, "ios");
});

test("a browser inside an app is told", () => {
  const userAgent = "Mozilla/5.0 (Linux; Android 14; Pixel 8; wv) AppleWebKit/537.36 Version/4.0 Chrome/129.0.0.0 Mobile";
  assert.equal(check.readBrowser({ userAgent }).embedded, true);
});

test("versions are compared part by part", () => {
  assert.equal(check.isOlder("14.10", "14.1"), false);
  assert.equal(check.isOlder("14.0.9", "14.1"), true);
  assert.equal(check.isOlder("14", "14.0"), false);
});

for (const [error, known, failure, by] of [
  ["NotAllowedError", { state: "prompt" }, "permission_denied", "person"],
  ["NotAllowedError", { state: "denied" }, "permission_denied", "blocked"],
  ["NotAllowedError", { state: "denied", allowed: false }, "permission_denied", "policy"],
  ["NotAllowedError", { state: "granted" }, "permission_denied", "system"],
  ["SecurityError", {}, "permission_denied", "policy"],
  ["NotFoundError", {}, "device_missing", ""],
  ["OverconstrainedError", {}, "device_missing", ""],
  ["NotReadableError", {}, "device_busy", ""],
  ["TrackStartError", {}, "device_busy", ""],
  ["AbortError", {}, "device_failed", ""],
  ["TypeError", {}, "insecure_context", ""],
  ["SomethingNewError", {}, "unknown_failure", ""],
]) {
  test(`the microphone's ${error} with ${JSON.stringify(known)}`, () => {
    assert.deepEqual(check.microphoneFailure({ name: error }, known), [failure, by]);
  });
}

test("who refused is read from the browser's words", () => {
  const refused = (message) => check.microphoneFailure({ name: "NotAllowedError", message }, { state: "prompt" })[1];
  assert.equal(refused("Permission denied by system"), "system");
  assert.equal(refused("Permission dismissed"), "dismissed");
  assert.equal(refused("Permission denied"), "person");
});

const sine = (level, hz = 997, count = 2048) =>
  Float32Array.from({ length: count }, (_, i) => level * Math.sin((2 * Math.PI * hz * i) / 48_000));

test("the level of a sine is 3 dB under its peak", () => {
  const block = check.measureBlock(sine(0.1));
  assert.ok(Math.abs(block.dbfs - -23.0) < 0.1, String(block.dbfs));
  assert.equal(block.runs, 0);
});

test("flat tops are counted by run and by sample", () => {
  const block = check.measureBlock(sine(3).map((x) => Math.max(-1, Math.min(1, x))));
  assert.ok(block.runs > 60 && block.runs < 100, String(block.runs));
  assert.ok(block.clipped / block.count > 0.7);
});

test("zeros, silence and speech are told apart", () => {
  const blocks = (level) => Array.from({ length: 40 }, () => check.measureBlock(sine(level)));
  assert.equal(check.judgeLevels(blocks(0)).all_zero, true);
  assert.equal(check.judgeLevels(blocks(0.00001)).silent, true);
  assert.equal(check.judgeLevels(blocks(0.00001)).all_zero, false);
  const spoken = check.judgeLevels([...blocks(0.001), ...blocks(0.1)]);
  assert.equal(spoken.silent, false);
  assert.ok(Math.abs(spoken.active_level_dbfs - -23) < 0.5, JSON.stringify(spoken));
  assert.equal(check.judgeLevels(blocks(0.001)).active_level_dbfs, null, "nobody spoke");
  assert.equal(check.judgeLevels([]), null);
});

/** Mean powers of something like speech at 48 kHz: it falls by 9 dB an octave, and ends at `edgeHz`. */
const spectrum = (edgeHz, floorDb = -115, bins = 1024) =>
  Array.from({ length: bins }, (_, i) => {
    const hz = (i * 24_000) / bins;
    const db = -40 - 9 * Math.max(0, Math.log2(hz / 500));
    return 10 ** ((hz < edgeHz ? Math.max(db, floorDb) : floorDb) / 10);
  });

test("the band's end of a hands-free headset is found, and none of a good microphone", () => {
  assert.equal(check.bandEdge(spectrum(4000), 48_000), 4000);
  assert.equal(check.bandEdge(spectrum(8000), 48_000), 8000);
  assert.equal(check.bandEdge(spectrum(20_000), 48_000), null);
  assert.equal(check.bandEdge(spectrum(20_000, -90), 48_000), null, "into the noise of a room");
  assert.equal(check.bandEdge(spectrum(600), 48_000), null, "a hum tells nothing of the band");
});

test("a microphone that runs at 8 kHz has nothing beyond 4 kHz", () => {
  assert.equal(check.bandEdge(spectrum(24_000).slice(0, 340), 8_000), 4000);
});

test("overhearing needs speech, pauses and a rise in step", () => {
  const turns = (rise) => Array.from({ length: 60 }, (_, i) => (i % 20 < 12 ? [-20, -60 + rise] : [-120, -60]));
  const heard = check.judgeOverhearing(turns(25), 0.2);
  assert.equal(heard.rise_db, 25);
  assert.ok(heard.correlation > 0.95);
  assert.equal(check.judgeOverhearing(turns(0), 0.2).rise_db, 0);
  assert.equal(check.judgeOverhearing(turns(25).filter(([agent]) => agent > -50), 0.2), null);
  assert.equal(check.judgeOverhearing([], 0.2), null);
});

test("candidates are read, whatever is missing", () => {
  const line = "candidate:1 1 UDP 2122 192.0.2.1 4444 typ srflx raddr 10.0.0.1 rport 9 generation 0";
  const host = { type: "srflx", protocol: "udp", address: "192.0.2.1", port: 4444, mdns: false, related: "10.0.0.1" };
  assert.deepEqual(check.readCandidate(line), host);
  assert.equal(check.readCandidate(line.replace("candidate:", "")).port, 4444);
  assert.equal(check.readCandidate("candidate:1 1 udp 1 9b36eaac.local 50 typ host").mdns, true);
  for (const none of ["", null, undefined, "candidate:", "junk junk"]) assert.equal(check.readCandidate(none), null);
});

test("ICE URLs are taken apart as Python does", () => {
  const of = (url) => {
    const { turn, host, port, transport } = check.readIceUrl(url) ?? {};
    return [turn, host, port, transport];
  };
  assert.deepEqual(of("stun:a.example"), [false, "a.example", 3478, "udp"]);
  assert.deepEqual(of("turn:a.example:80?transport=tcp"), [true, "a.example", 80, "tcp"]);
  assert.deepEqual(of("TURNS:a.example"), [true, "a.example", 5349, "tls"]);
  assert.deepEqual(of("turn:[2001:db8::1]:3478"), [true, "[2001:db8::1]", 3478, "udp"]);
  for (const bad of ["http://a", "turn:", "turn:u@h", "stun:a?transport=sctp", null]) {
    assert.equal(check.readIceUrl(bad), null);
  }
});

test("each URL of the ICE servers is asked by itself, and only so many", () => {
  const servers = [{ urls: ["stun:a", "turn:a", "nonsense"], username: "u", credential: "c" }, null, { url: "stun:b" }];
  assert.deepEqual(check.eachServer(servers).map(({ url }) => url), ["stun:a", "turn:a", "stun:b"]);
  assert.equal(check.eachServer([{ urls: Array(99).fill("stun:a") }]).length, 12);
  assert.deepEqual(check.eachServer("junk"), []);
});

test("an answer of a server says more than silence", () => {
  const silence = { code: 701, text: "TURN allocate request timed out." };
  const refusal = { code: 401, text: "Unauthorized" };
  assert.deepEqual(check.serverFailure([silence, refusal], "udp", 8000), ["stun_unauthorized", "401 Unauthorized"]);
  assert.equal(check.serverFailure([silence], "udp", 8000)[0], "generic_timeout");
  assert.equal(check.serverFailure([silence], "tls", 8000)[0], "host_unreachable");
  assert.equal(check.serverFailure([{ code: 701, text: "host lookup received error." }], "udp", 1)[0], "dns_no_answer");
  assert.equal(check.serverFailure([{ code: 486, text: "" }], "udp", 1)[0], "stun_quota_reached");
  assert.match(check.serverFailure([], "udp", 8000)[1], /within 8 s/);
});

test("of a TURN user name only its time is told", () => {
  assert.equal(check.timeInUsername("1700000000:anna"), "1700000000");
  assert.equal(check.timeInUsername("anna:1700000000"), "1700000000");
  assert.equal(check.timeInUsername("anna"), "");
});

test("faults of a token", () => {
  const jwt = (claims) => `eyJh.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.sig`;
  const fault = (token) => check.tokenFault(token, 1_700_000_000_000)?.[0];
  assert.equal(fault(""), "token_missing");
  assert.equal(fault("abc "), "token_malformed");
  assert.equal(fault('"abc"'), "token_malformed");
  assert.equal(fault("Bearer"), "token_malformed");
  assert.equal(fault(jwt({ exp: 1_600_000_000 })), "token_expired");
  assert.equal(fault(jwt({ nbf: 1_800_000_000 })), "token_not_yet_valid");
  assert.equal(fault(jwt({ exp: 1_800_000_000 })), undefined);
  assert.equal(fault("eyJ.%%%.x"), undefined);
  assert.equal(fault("connector-token"), undefined);
});

test("frames are read as tolerantly as clients must", () => {
  assert.equal(check.readFrame('{"type":"error","code":"UNAUTHORIZED","message":"no"}').code, "UNAUTHORIZED");
  assert.equal(check.readFrame('{"type":"error","data":{"code":"FORBIDDEN"}}').code, "FORBIDDEN");
  for (const bad of ["", "[]", "null", "3", "{}", '{"type":3}']) assert.equal(check.readFrame(bad), null);
  assert.deepEqual(check.candidateInit({ candidate: "1 1 udp 1 a 1 typ host" }), {
    candidate: "candidate:1 1 udp 1 a 1 typ host",
    sdpMLineIndex: 0,
  });
  assert.equal(check.candidateInit({ candidate: "" }), null);
});

test("no secret stands in what is told, in whatever form", () => {
  const told = { a: ["x s3cret/+ y"], "s3cret/+": { url: "?token=s3cret%2F%2B" } };
  const clean = JSON.stringify(check.withoutSecrets(told, ["s3cret/+\n", "", "ab"]));
  assert.doesNotMatch(clean, /s3cret/);
  assert.match(clean, /x \[redacted\] y/);
});

test("a description is told without its password and its candidates", () => {
  const bare = check.bareDescription("v=0\r\na=ice-pwd:hunter2hunter2\r\na=candidate:1 1\r\nm=audio 9\r\n");
  assert.equal(bare, "v=0\r\na=ice-pwd:[redacted]\r\nm=audio 9\r\n");
});

test("the text is short lines between marks", () => {
  const lines = check.asText({ browser_check: 1, name: "Mikrofon – é" }).trim().split("\n");
  assert.equal(lines[0], "-----BEGIN POLYAI BROWSER CHECK-----");
  assert.ok(lines.every((line) => line.length <= 72));
  assert.deepEqual(JSON.parse(Buffer.from(lines.slice(1, -1).join(""), "base64")), {
    browser_check: 1,
    name: "Mikrofon – é",
  });
});

test("what is told of the statistics names no key, and no candidate", () => {
  const report = [
    { id: "C", type: "certificate", fingerprint: "x" },
    { id: "L", type: "local-candidate", candidateType: "relay", relayProtocol: "tls", address: "10.0.0.1" },
    { id: "R", type: "remote-candidate", candidateType: "host", address: "2001:db8::1", port: 5 },
    { id: "P", type: "candidate-pair", state: "in-progress", localCandidateId: "L", remoteCandidateId: "R", requestsSent: 3 },
    { id: "I", type: "inbound-rtp", kind: "audio", packetsReceived: 90, packetsLost: 10, jitter: 0.004, audioLevel: 0.1 },
  ];
  const kept = check.keptStatistics(report);
  assert.equal(kept.length, 4);
  const [pair] = check.pairRows(kept);
  assert.deepEqual([pair.local_type, pair.relay_transport, pair.remote_address, pair.state, pair.sent], ["relay", "tls", "[2001:db8::1]:5", "in_progress", 3]);
  assert.deepEqual(check.reportedStatistics(kept).map(({ type }) => type), ["inbound-rtp"]);
  const sample = check.sampleOf(kept);
  assert.deepEqual([sample.lost_percent, sample.jitter_ms, sample.agent_dbfs, sample.round_trip_ms], [10, 4, -20, null]);
});
