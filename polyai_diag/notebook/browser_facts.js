// What the browser check knows: pure functions, from what a browser says to what that is.
//
// No imports, no syntax from after 2020, and nothing of the browser: Node runs the tests of it. The page, the
// console's snippet and the notebook take it, browser_call.js and browser_check.js as one module.

// The oldest versions that the gateway's documentation names.
export const LEAST_VERSIONS = { chrome: "72", edge: "79", firefox: "60", safari: "14.1" };

const MOST_SERVERS = 12;
const FULL_SCALE = 0.999;
const SILENT_DBFS = -80; // below any room, above the noise that a browser may add to nothing
const NOWHERE_DB = -120;
const VOICE_OVER_FLOOR_DB = 12;
const CLIFF_DB = 25; // between neighbouring bands: no voice, no room and no microphone falls so

// --- pure: the browser --------------------------------------------------------------------------

/** Which browser this is, and on what system, out of `navigator`'s values. */
export function readBrowser({ userAgent = "", brands = [], platform = "", touchPoints = 0 } = {}) {
  const version = (pattern) => (userAgent.match(pattern) ?? ["", ""])[1].replace(/_/g, ".");
  const system = readSystem(userAgent, platform, touchPoints);
  const known = { system, mobile: /Mobi|Android|iPhone|iPad/.test(userAgent) || touchPoints > 4 };
  const embedded = /; wv\)|FBAN|FBAV|Instagram|Line\//.test(userAgent);
  if (system === "ios") {
    // Whatever it is called, it is the system's WebKit.
    const engine = version(/Version\/([\d.]+)/) || version(/ OS ([\d_]+)/);
    return { ...known, name: "safari", version: engine, brand: iosBrand(userAgent), embedded };
  }
  const named = [
    ["edge", "Edge", /Edg(?:e|A)?\/([\d.]+)/],
    ["firefox", "Firefox", /Firefox\/([\d.]+)/],
    ["chrome", "Opera", /OPR\/[\d.]+/],
    ["chrome", "Samsung Internet", /SamsungBrowser\/[\d.]+/],
    ["chrome", "Chrome", /(?:Chrome|Chromium)\/([\d.]+)/],
    ["safari", "Safari", /Version\/([\d.]+).*Safari\//],
  ];
  const [name, brand, pattern] = named.find(([, , look]) => look.test(userAgent)) ?? ["unknown"];
  if (name === "unknown") return { ...known, name, version: "", brand: fromBrands(brands), embedded };
  const found = version(name === "chrome" ? /Chrom(?:e|ium)\/([\d.]+)/ : pattern);
  return { ...known, name, version: found, brand: embedded ? "an app's own browser" : brand, embedded };
}

function readSystem(userAgent, platform, touchPoints) {
  const said = `${platform} ${userAgent}`;
  if (/iPhone|iPad|iPod/.test(said) || (/Macintosh/.test(said) && touchPoints > 1)) return "ios";
  const systems = { android: /Android/, chromeos: /CrOS|Chrome OS/, windows: /Windows|Win32/ };
  Object.assign(systems, { macos: /Macintosh|macOS|MacIntel/, linux: /Linux|X11/ });
  return Object.keys(systems).find((name) => systems[name].test(said)) ?? "unknown";
}

function iosBrand(userAgent) {
  const brands = { CriOS: "Chrome for iOS", FxiOS: "Firefox for iOS", EdgiOS: "Edge for iOS" };
  return brands[Object.keys(brands).find((mark) => userAgent.includes(mark))] ?? "Safari";
}

function fromBrands(brands) {
  const real = brands.find(({ brand }) => !/not.?a.?brand/i.test(brand));
  return real ? `${real.brand} ${real.version}` : "unknown";
}

/** Whether version `one` is older than `other`, part by part: 14.0.3 is, 14.10 is not, than 14.1. */
export function isOlder(one, other) {
  const [a, b] = [one, other].map((text) => text.split(".").map((part) => Number(part) || 0));
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    if ((a[i] ?? 0) !== (b[i] ?? 0)) return (a[i] ?? 0) < (b[i] ?? 0);
  }
  return false;
}

/** Whether the gateway's table has this browser: true, false, or null where that cannot be told. */
export function isSupported({ name, version }) {
  if (!(name in LEAST_VERSIONS) || !version) return null;
  return !isOlder(version, LEAST_VERSIONS[name]);
}

// --- pure: the token ----------------------------------------------------------------------------

/** What is wrong with the form or the dates of a token: [failure, words]; null for nothing. */
export function tokenFault(token, nowMs) {
  if (!token) return ["token_missing", "no token was given"];
  if (/[^\x21-\x7e]/.test(token)) {
    return ["token_malformed", "a blank, a line end or another character that no token has"];
  }
  if (/^bearer/i.test(token)) return ["token_malformed", "the word Bearer stands before it"];
  if (/["']/.test(token)) return ["token_malformed", "quotes stand around it"];
  const dates = tokenDates(token);
  if (dates.exp * 1000 < nowMs) return ["token_expired", `expired ${utc(dates.exp)}`];
  if (dates.nbf * 1000 > nowMs) return ["token_not_yet_valid", `valid from ${utc(dates.nbf)}`];
  return null;
}

/** The dates of a Studio token (a JWT): unix seconds; none of a connector token, which is opaque. */
export function tokenDates(token) {
  const parts = token.split(".");
  if (parts.length !== 3 || !token.startsWith("eyJ")) return {};
  try {
    const claims = JSON.parse(atob(parts[1].replace(/-/g, "+").replace(/_/g, "/")));
    const dated = ["exp", "nbf"].filter((key) => Number.isFinite(claims[key]));
    return Object.fromEntries(dated.map((key) => [key, claims[key]]));
  } catch {
    return {};
  }
}

function utc(seconds) {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? "at no date" : date.toISOString().slice(0, 16) + " UTC";
}

// --- pure: microphone ---------------------------------------------------------------------------

const MICROPHONE_ERRORS = {
  NotAllowedError: "permission_denied",
  PermissionDeniedError: "permission_denied", // as older browsers call it
  SecurityError: "permission_denied",
  NotFoundError: "device_missing",
  DevicesNotFoundError: "device_missing",
  OverconstrainedError: "device_missing",
  NotReadableError: "device_busy",
  TrackStartError: "device_busy",
  AbortError: "device_failed",
  InvalidStateError: "device_failed",
  TypeError: "insecure_context",
};

/** What a refusal of `getUserMedia` is in our words: [failure, who refused]. */
export function microphoneFailure({ name = "", message = "" }, { state = "", allowed = null } = {}) {
  const failure = MICROPHONE_ERRORS[name] ?? "unknown_failure";
  if (failure !== "permission_denied") return [failure, ""];
  if (allowed === false || name === "SecurityError") return [failure, "policy"];
  if (/system/i.test(message)) return [failure, "system"];
  if (/dismissed/i.test(message)) return [failure, "dismissed"];
  if (state === "granted") return [failure, "system"]; // the browser allows it, something else not
  return [failure, state === "denied" ? "blocked" : "person"];
}

/** Level, peak and flat tops of one block of samples (-1 to 1). */
export function measureBlock(samples) {
  let power = 0;
  let peak = 0;
  let clipped = 0;
  let runs = 0;
  let row = 0;
  for (const sample of samples) {
    const size = Math.abs(sample);
    power += size * size;
    if (size > peak) peak = size;
    row = size >= FULL_SCALE ? row + 1 : 0;
    if (row === 3) runs++;
    if (row >= 3) clipped += row === 3 ? 3 : 1;
  }
  return { dbfs: decibels(power / samples.length), peak, clipped, runs, count: samples.length };
}

/** What blocks of one microphone tell together; `active_level_dbfs` is null where nobody spoke. */
export function judgeLevels(blocks) {
  if (!blocks.length) return null;
  const levels = blocks.map((block) => block.dbfs).sort((a, b) => a - b);
  const floor = levels[Math.floor(levels.length / 10)];
  const loud = levels.filter((level) => level > floor + VOICE_OVER_FLOOR_DB || level > -45);
  const sum = (key) => blocks.reduce((total, block) => total + block[key], 0);
  const peak = Math.max(...blocks.map((block) => block.peak));
  const spoken = loud.length >= blocks.length / 8;
  return {
    active_level_dbfs: spoken ? round(meanDecibels(loud)) : null,
    floor_dbfs: round(floor),
    peak_dbfs: round(decibels(peak * peak)),
    all_zero: peak === 0,
    silent: decibels(peak * peak) < SILENT_DBFS,
    clipped_runs: sum("runs"),
    clipped_share: round(sum("clipped") / sum("count"), 5),
  };
}

/**
 * Where the microphone's band ends, in Hz: 4000 or 8000 as a hands-free headset's does, null where
 * it goes on or where too little was said to tell. `powers` are means over FFT bins from 0 Hz.
 */
export function bandEdge(powers, sampleRateHz) {
  const perHz = (2 * powers.length) / sampleRateHz;
  const band = (from, to) => {
    const part = powers.slice(Math.round(from * perHz), Math.round(to * perHz));
    return part.length ? decibels(part.reduce((a, b) => a + b, 0) / part.length) : null;
  };
  for (const [edge, inside, outside] of [
    [4000, [2800, 3500], [4600, 6500]],
    [8000, [5500, 7200], [8800, 11_000]],
  ]) {
    const [within, beyond] = [band(...inside), band(...outside)];
    const heard = within !== null && within > band(300, 2500) - 50 && within > -105;
    if (heard && (beyond === null || within - beyond > CLIFF_DB)) return edge;
  }
  return null;
}

/**
 * Whether the microphone rises while the agent speaks. `pairs` are levels of both at one moment,
 * [agent, microphone] in dBFS; null where the agent did not both speak and pause for long enough.
 */
export function judgeOverhearing(pairs, everyS) {
  const speaking = pairs.filter(([agent]) => agent > -50);
  const pausing = pairs.filter(([agent]) => agent < -65);
  const [speaking_s, pausing_s] = [speaking, pausing].map((some) => round(some.length * everyS));
  if (speaking_s < 2 || pausing_s < 1) return null;
  const microphone = (some) => median(some.map(([, level]) => level));
  const rise_db = round(microphone(speaking) - microphone(pausing));
  return { speaking_s, pausing_s, rise_db, correlation: round(correlation(pairs), 2) };
}

function correlation(pairs) {
  const [xs, ys] = [0, 1].map((at) => pairs.map((pair) => Math.max(pair[at], -90)));
  const mean = (values) => values.reduce((a, b) => a + b, 0) / values.length;
  const [mx, my] = [mean(xs), mean(ys)];
  const product = (a, ma, b, mb) => a.reduce((t, v, i) => t + (v - ma) * (b[i] - mb), 0);
  const spread = Math.sqrt(product(xs, mx, xs, mx) * product(ys, my, ys, my));
  return spread ? product(xs, mx, ys, my) / spread : 0;
}

// --- pure: candidates and servers ---------------------------------------------------------------

/** A candidate's line in parts (RFC 8839 §5.1); null for the end of candidates, or for no line. */
export function readCandidate(line) {
  const parts = (line ?? "").trim().replace(/^(a=)?candidate:/, "").split(/\s+/);
  if (parts.length < 8 || parts[6] !== "typ") return null;
  const [, , protocol, , address, port, , type] = parts;
  const after = (name) => parts[parts.indexOf(name, 8) + 1 || parts.length] ?? "";
  return {
    type,
    protocol: protocol.toLowerCase(),
    address,
    port: Number(port),
    mdns: address.endsWith(".local"),
    related: after("raddr"),
  };
}

/** A STUN or TURN URL in parts (RFC 7064, RFC 7065); null for anything else. */
export function readIceUrl(url) {
  const form = /^(stuns?|turns?):(\[[\da-f:.]+\]|[^\s:?@/[\]]+)(?::(\d{1,5}))?(?:\?transport=(udp|tcp))?$/i;
  const match = String(url).trim().match(form);
  if (!match) return null;
  const scheme = match[1].toLowerCase();
  const secure = scheme.endsWith("s");
  const asked = match[4]?.toLowerCase() ?? (secure ? "tcp" : "udp");
  const transport = secure ? (asked === "udp" ? "dtls" : "tls") : asked;
  const port = Number(match[3] ?? (secure ? 5349 : 3478));
  return { url: match[0], turn: scheme.startsWith("turn"), host: match[2], port, transport };
}

const STUN_CODES = {
  400: "stun_bad_request",
  401: "stun_unauthorized",
  403: "stun_forbidden",
  437: "stun_allocation_mismatch",
  438: "stun_stale_nonce",
  440: "stun_unsupported_family",
  441: "stun_wrong_credentials",
  442: "stun_unsupported_transport",
  486: "stun_quota_reached",
  508: "stun_out_of_capacity",
};

/** What a server's errors while gathering say: [failure, words]; an answer says more than silence. */
export function serverFailure(errors, transport, limitMs) {
  const answered = errors.find(({ code }) => code >= 300 && code < 700);
  if (answered) {
    const words = `${answered.code} ${answered.text}`.trim();
    return [STUN_CODES[answered.code] ?? "stun_error", words];
  }
  const text = errors.map((error) => error.text).find(Boolean) ?? "";
  if (/lookup|resolv/i.test(text)) return ["dns_no_answer", text];
  const why = text || `no answer within ${limitMs / 1000} s, and the browser does not say why`;
  return [transport === "udp" ? "generic_timeout" : "host_unreachable", why];
}

/** The unix time that a TURN user name carries, and nothing else of it: "" for none. */
export function timeInUsername(username) {
  const parts = String(username ?? "").split(":");
  return [parts[0], parts[parts.length - 1]].find((part) => /^\d{10}$/.test(part)) ?? "";
}

/** `iceServers` as a gateway or a person gives them: one entry for each URL, bad ones left out. */
export function eachServer(servers) {
  const listed = (Array.isArray(servers) ? servers : []).flatMap((server) =>
    [server?.urls ?? server?.url ?? []].flat().map((url) => ({ ...server, ...readIceUrl(url) })),
  );
  return listed.filter((server) => server.host).slice(0, MOST_SERVERS);
}

function asIceServer({ url, turn, username, credential }) {
  return turn ? { urls: url, username: username ?? "", credential: credential ?? "" } : { urls: url };
}

// --- pure: the call -----------------------------------------------------------------------------

const KEPT_STATISTICS = {
  "outbound-rtp": ["kind", "packetsSent", "bytesSent", "retransmittedPacketsSent"],
  "inbound-rtp": [
    ...["kind", "packetsReceived", "packetsLost", "jitter", "audioLevel", "totalAudioEnergy"],
    ...["totalSamplesDuration", "totalSamplesReceived", "concealedSamples", "concealmentEvents"],
    ...["silentConcealedSamples", "jitterBufferDelay", "jitterBufferEmittedCount"],
  ],
  "remote-inbound-rtp": ["kind", "packetsLost", "jitter", "roundTripTime", "fractionLost"],
  "remote-outbound-rtp": ["kind", "packetsSent", "roundTripTime"],
  "media-source": ["kind", "audioLevel", "totalAudioEnergy", "totalSamplesDuration"],
  "candidate-pair": [
    ...["state", "nominated", "requestsSent", "responsesReceived", "currentRoundTripTime"],
    ...["localCandidateId", "remoteCandidateId"],
  ],
  transport: ["dtlsState", "selectedCandidatePairId", "dtlsCipher", "srtpCipher"],
  "local-candidate": ["candidateType", "protocol", "relayProtocol", "networkType", "url"],
  "remote-candidate": ["candidateType", "protocol", "address", "ip", "port"],
  codec: ["mimeType", "clockRate", "channels", "sdpFmtpLine", "payloadType"],
};

/** What of `getStats()` is of use, and nothing that could name a key. */
export function keptStatistics(report) {
  return [...report].flatMap((one) => {
    const keys = KEPT_STATISTICS[one.type];
    if (!keys) return [];
    const kept = keys.filter((key) => one[key] !== undefined).map((key) => [key, one[key]]);
    return [{ id: String(one.id), type: one.type, ...Object.fromEntries(kept) }];
  });
}

/** Those of them that a report needs: of the pairs only what worked, of the candidates none. */
export function reportedStatistics(statistics) {
  const inUse = (one) =>
    !/-candidate$|^codec$/.test(one.type) && (one.type !== "candidate-pair" || one.state === "succeeded");
  return statistics.filter(inUse);
}

/** The candidate pairs of such statistics as rows: types, the far address, how the checks ended. */
export function pairRows(statistics) {
  const byId = new Map(statistics.map((one) => [one.id, one]));
  return statistics
    .filter((one) => one.type === "candidate-pair")
    .map((pair) => {
      const local = byId.get(pair.localCandidateId) ?? {};
      const remote = byId.get(pair.remoteCandidateId) ?? {};
      const host = remote.address ?? remote.ip ?? "";
      return {
        local_type: local.candidateType ?? "unknown",
        relay_transport: local.relayProtocol ?? null,
        remote_type: remote.candidateType ?? "unknown",
        remote_address: `${host.includes(":") ? `[${host}]` : host}:${remote.port ?? 0}`,
        state: String(pair.state ?? "").replace("-", "_"),
        sent: pair.requestsSent ?? 0,
        answered: pair.responsesReceived ?? 0,
        nominated: pair.nominated === true,
      };
    });
}

/** A moment of the call, for people to watch and for the round trip's median. */
export function sampleOf(statistics) {
  const of = (type) => statistics.find((one) => one.type === type && (one.kind ?? "audio") === "audio");
  const [inbound, remote, source] = ["inbound-rtp", "remote-inbound-rtp", "media-source"].map(of);
  const transport = of("transport");
  const pair =
    statistics.find((one) => one.id === transport?.selectedCandidatePairId) ??
    statistics.find((one) => one.type === "candidate-pair" && one.nominated);
  const ms = (seconds) => (Number.isFinite(seconds) ? round(1000 * seconds) : null);
  const due = (inbound?.packetsReceived ?? 0) + (inbound?.packetsLost ?? 0);
  const share = (part, whole) => (whole > 0 ? round((100 * part) / whole, 2) : null);
  return {
    round_trip_ms: ms(pair?.currentRoundTripTime ?? remote?.roundTripTime),
    checks_answered: pair?.responsesReceived ?? null,
    jitter_ms: ms(inbound?.jitter),
    lost_percent: share(inbound?.packetsLost ?? 0, due),
    concealed_percent: share(inbound?.concealedSamples ?? 0, inbound?.totalSamplesReceived ?? 0),
    received: inbound?.packetsReceived ?? 0,
    agent_dbfs: inbound?.audioLevel === undefined ? null : round(decibels(inbound.audioLevel ** 2)),
    microphone_dbfs: source?.audioLevel === undefined ? null : round(decibels(source.audioLevel ** 2)),
  };
}

/** A frame of the gateway's, read as tolerantly as clients must; null where it cannot be. */
export function readFrame(text) {
  try {
    const frame = JSON.parse(text);
    if (typeof frame?.type !== "string") return null;
    const data = frame.data && typeof frame.data === "object" ? frame.data : {};
    const code = data.code ?? frame.code ?? "";
    return { ...frame, data, code: String(code), message: String(data.message ?? frame.message ?? "") };
  } catch {
    return null;
  }
}

/** The candidate of a frame as a browser takes it: its prefix and its section may be missing. */
export function candidateInit({ candidate, sdpMid, sdpMLineIndex }) {
  const line = String(candidate ?? "").trim();
  if (!line) return null;
  const init = { candidate: line.startsWith("candidate:") ? line : `candidate:${line}` };
  if (sdpMid === null || sdpMid === undefined) return { ...init, sdpMLineIndex: sdpMLineIndex ?? 0 };
  return { ...init, sdpMid: String(sdpMid) };
}

/** A session description without what it keeps secret, or what a report has no use for. */
export function bareDescription(sdp) {
  const dropped = /^a=(candidate|end-of-candidates|crypto)/;
  const lines = sdp.split(/\r?\n/).filter((line) => line && !dropped.test(line));
  const masked = lines.map((line) => line.replace(/^(a=ice-pwd:).*/, "$1[redacted]"));
  return masked.slice(0, 400).join("\r\n") + "\r\n";
}

// --- pure: what it means ------------------------------------------------------------------------
//
// For whoever sits before the page. The judgement that counts is Python's, over the same result:
// a test holds both to one another.

const CAUSE_OF = {
  secure_context: { insecure_context: "insecure-context" },
  browser_version: { browser_outdated: "browser-unsupported" },
  permissions_policy: { policy_blocked: "microphone-denied" },
  microphone_open: {
    permission_denied: "microphone-denied",
    device_missing: "microphone-missing",
    device_busy: "microphone-busy",
    device_failed: "microphone-busy",
  },
  microphone_listen: { silence: "microphone-silent" },
  webrtc_support: { webrtc_missing: "browser-blocks-webrtc", ice_no_candidates: "browser-blocks-webrtc" },
  opus_support: { opus_missing: "browser-lacks-opus" },
  speaker_test: { playback_blocked: "playback-blocked" },
  playback: { playback_blocked: "playback-blocked" },
  token_read: {
    token_missing: "token-missing",
    token_malformed: "token-malformed",
    token_expired: "token-expired",
    token_not_yet_valid: "token-not-yet-valid",
  },
  tcp_connect: { host_unreachable: "gateway-unreachable" },
  websocket_upgrade: { connection_closed: "websocket-refused", generic_timeout: "websocket-refused" },
  offer_answer: {
    generic_timeout: "signaling-timeout",
    websocket_closed: "signaling-closed",
    frame_invalid: "signaling-protocol-violation",
  },
  answer_apply: { sdp_rejected: "signaling-protocol-violation" },
  ice_gather: { ice_no_candidates: "ice-no-candidates" },
  ice_connect: { ice_no_candidates: "ice-no-candidates", ice_failed: "ice-failed" },
  dtls_handshake: { dtls_failed: "dtls-failed" },
  call_hold: { websocket_closed: "signaling-lost" },
  call_watch: { call_ended: "call-ended-early" },
};

const CAUSE_OF_CODE = {
  UNAUTHORIZED: "token-rejected",
  FORBIDDEN: "request-forbidden",
  INVALID_ARGUMENT: "request-invalid",
  INVALID_MESSAGE: "request-invalid",
  AGENT_FAILURE: "agent-failure",
  MEDIA_BRIDGE_FAILURE: "media-bridge-failure",
};

const REJECTED = ["stun_unauthorized", "stun_bad_request", "stun_wrong_credentials"];
const UNANSWERED = ["generic_timeout", "host_unreachable", "dns_no_answer"];

const BENEATH = {
  "csp-blocks-gateway": ["gateway-unreachable", "websocket-refused", "ice-servers-unavailable"],
  "gateway-unreachable": ["ice-servers-unavailable"],
  "websocket-refused": ["ice-servers-unavailable"],
  "token-missing": ["token-rejected", "ice-servers-unavailable", "signaling-closed"],
  "token-malformed": ["token-rejected", "ice-servers-unavailable", "signaling-closed"],
  "token-expired": ["token-rejected", "ice-servers-unavailable", "signaling-closed"],
  "token-not-yet-valid": ["token-rejected", "ice-servers-unavailable", "signaling-closed"],
  "token-rejected": ["ice-servers-unavailable", "signaling-closed"],
  "browser-unsupported": ["browser-blocks-webrtc", "browser-lacks-opus"],
  "browser-blocks-webrtc": ["stun-unreachable", "turn-unreachable", "ice-failed", "ice-no-candidates"],
  "playback-blocked": ["silent-audio"],
  "microphone-silent": ["silent-audio"],
  "udp-blocked": ["stun-unreachable", "ice-failed", "turn-not-configured"],
  "turn-not-configured": ["ice-failed"],
  "turn-credentials-rejected": ["ice-failed", "ice-no-candidates"],
  "turn-credentials-expired": ["ice-failed", "ice-no-candidates"],
  "turn-unreachable": ["stun-unreachable", "ice-no-candidates"],
};

/** The root causes that a check's observations show, in the order of the way of the call. */
export function shownCauses({ observations, statistics, target = {}, started = "" }) {
  const now = Date.parse(started) / 1000 || 0;
  const udp = udpIsBlocked(observations);
  const found = new Set(observations.flatMap((seen) => causesOf(seen, { udp, target, now })));
  if (udp) found.add("udp-blocked");
  const connected = observations.some((s) => s.operation === "dtls_handshake" && !s.failure);
  const packets = sampleCounts(statistics ?? []);
  const mute = [...found].some((id) => id.startsWith("microphone-")) || found.has("insecure-context");
  if (connected && packets.sent === 0 && !mute) found.add("no-audio-sent");
  if (connected && packets.received === 0 && packets.sent > 50) found.add("no-audio-received");
  if (connected && packets.received && packets.energy === 0 && packets.seconds >= 15) found.add("silent-audio");
  const turn = (target.ice_urls ?? []).some((url) => url.startsWith("turn"));
  if (found.has("ice-failed") && !turn) found.add("turn-not-configured");
  const hidden = new Set([...found].flatMap((id) => BENEATH[id] ?? []));
  return [...found].filter((id) => !hidden.has(id));
}

function causesOf(seen, { udp, target, now }) {
  const { operation, failure, notes, endpoint } = seen;
  const transport = readIceUrl(endpoint)?.transport;
  if (operation === "csp_violation") return blocksGateway(seen, target) ? ["csp-blocks-gateway"] : [];
  if (operation === "ice_servers_fetch" && failure) {
    return [notes.status === 401 ? "token-rejected" : "ice-servers-unavailable"];
  }
  if (operation === "stun_binding" && failure) return ["stun-unreachable"];
  if (operation === "turn_challenge" && failure) {
    return udp && transport === "udp" ? [] : ["turn-unreachable"];
  }
  if (operation === "turn_allocate" && failure) return [refusalOf(seen, now)];
  if (failure === "gateway_error") return [CAUSE_OF_CODE[notes.code] ?? "gateway-error"];
  if (operation === "microphone_listen" && !failure) return soundCauses(notes);
  if (operation === "overhearing" && notes.rise_db >= 6 && notes.correlation >= 0.6) {
    return ["agent-hears-itself"];
  }
  const known = CAUSE_OF[operation]?.[failure];
  return known ? [known] : [];
}

/** What the microphone's sound shows, by the limits of analysis/audio/limits_unreferenced.py. */
export function soundCauses({ band_edge_hz, active_level_dbfs, peak_dbfs, clipped_runs, clipped_share }) {
  const crowded = active_level_dbfs > -10 && peak_dbfs > -0.5;
  return [
    [band_edge_hz === 4000, "microphone-narrowband"],
    [Number.isFinite(active_level_dbfs) && active_level_dbfs < -45, "audio-too-quiet"],
    [(clipped_runs >= 10 && clipped_share >= 2e-4) || crowded, "audio-clipped"],
  ].flatMap(([shows, cause]) => (shows ? [cause] : []));
}

function refusalOf({ failure, notes }, now) {
  if (REJECTED.includes(failure)) {
    const expired = notes.username && Number(notes.username) < now;
    return expired ? "turn-credentials-expired" : "turn-credentials-rejected";
  }
  const full = { stun_quota_reached: "turn-quota-reached", stun_out_of_capacity: "turn-out-of-capacity" };
  return full[failure] ?? "turn-refused";
}

function blocksGateway({ endpoint, notes }, { url = "" }) {
  const host = (text) => text.replace(/^\w+:\/\//, "").replace(/[:/].*$/, "");
  return notes.directive === "webrtc" || (url !== "" && host(endpoint) === host(url));
}

/** Whether nothing answers over UDP, of two operators or more, while TCP or TLS works. */
function udpIsBlocked(observations) {
  const asked = observations.filter(({ operation, endpoint }) => {
    if (operation === "stun_binding") return true;
    return /^turn_(challenge|allocate)$/.test(operation) && readIceUrl(endpoint)?.transport === "udp";
  });
  const pairs = observations.find(({ operation }) => operation === "ice_connect")?.notes.pairs ?? [];
  const direct = pairs.filter((pair) => pair.local_type !== "relay");
  if (!asked.length || !asked.every(({ failure }) => UNANSWERED.includes(failure))) return false;
  if (direct.some(({ state }) => state === "succeeded")) return false;
  const operator = (host) => (/^[\d.:[\]]+$/.test(host) ? host : host.split(".").slice(-2).join("."));
  const hosts = asked.map(({ endpoint }) => readIceUrl(endpoint)?.host ?? "");
  const operators = new Set(hosts.map(operator));
  const control = observations.some(({ operation, failure, endpoint }) => {
    if (failure) return false;
    return operation === "websocket_upgrade" || (operation === "turn_allocate" && hosts.includes(readIceUrl(endpoint)?.host));
  });
  return control && operators.size + (direct.length > 0) >= 2;
}

function sampleCounts(statistics) {
  const sum = (type, key) => {
    const told = statistics.filter((one) => one.type === type && (one.kind ?? "audio") === "audio" && key in one);
    return told.length ? told.reduce((total, one) => total + one[key], 0) : null;
  };
  return {
    sent: sum("outbound-rtp", "packetsSent"),
    received: sum("inbound-rtp", "packetsReceived"),
    energy: sum("inbound-rtp", "totalAudioEnergy"),
    seconds: sum("inbound-rtp", "totalSamplesDuration"),
  };
}

/** What to press in this browser, out of the table that comes with the page. */
export function adviceFor(cause, observations, browser, { advice, situations, denials, embedded }) {
  const denied = observations.find((seen) => seen.notes.denied_by)?.notes.denied_by;
  const denial = cause === "microphone-denied" ? (denials[denied] ?? denials[""]) : "";
  const known = advice[denial || situations[cause]];
  if (!known) return "";
  if (browser?.embedded) return embedded;
  const keys = [`${browser?.name}-${browser?.system}`, browser?.name, browser?.system, ""];
  return known[keys.find((key) => key in known)] ?? "";
}

// --- pure: the result ---------------------------------------------------------------------------

/** Take every secret out of a value, wherever it stands, as it is and as a URL writes it. */
export function withoutSecrets(value, secrets) {
  const known = [...new Set(secrets.flatMap((s) => [s, s.trim(), encodeURIComponent(s.trim())]))]
    .filter((secret) => secret.length >= 4)
    .sort((a, b) => b.length - a.length);
  const clean = (text) => known.reduce((left, secret) => left.split(secret).join("[redacted]"), text);
  const walk = (item) => {
    if (typeof item === "string") return clean(item);
    if (Array.isArray(item)) return item.map(walk);
    if (!item || typeof item !== "object") return item;
    return Object.fromEntries(Object.entries(item).map(([key, inner]) => [clean(key), walk(inner)]));
  };
  return walk(value);
}

const BLOCK = "POLYAI BROWSER CHECK";

/** The result as a block of text that survives mail: base64 in short lines between two marks. */
export function asText(result) {
  const bytes = new TextEncoder().encode(JSON.stringify(result));
  const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
  const lines = btoa(binary).match(/.{1,72}/g);
  return [`-----BEGIN ${BLOCK}-----`, ...lines, `-----END ${BLOCK}-----`].join("\n") + "\n";
}

function decibels(power) {
  return power > 0 ? Math.max(10 * Math.log10(power), NOWHERE_DB) : NOWHERE_DB;
}

function meanDecibels(levels) {
  return decibels(levels.reduce((total, level) => total + 10 ** (level / 10), 0) / levels.length);
}

function median(values) {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

function round(value, digits = 1) {
  return Number(value.toFixed(digits));
}
