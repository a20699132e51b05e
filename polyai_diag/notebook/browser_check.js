// The browser check: what this browser, its microphone and its network do to a call.
//
// With browser_facts.js and browser_call.js it is one module without imports (browser_page.py).
// What it sees is told in the house's own words (polyai_diag/model.py): observations with an
// operation, an endpoint, a failure or none, and notes. What that means is judged in Python
// (analysis/browser.py, causes/browser.py). No token, credential or ICE password leaves it.

export const FORMAT = 1;

export const STEPS = [
  ["browser", "This browser"],
  ["microphone", "The microphone"],
  ["webrtc", "WebRTC and Opus"],
  ["servers", "STUN and TURN"],
  ["call", "A test call"],
  ["speaker", "The speaker"],
];

const GATHER_LIMIT_MS = 8_000;
const RELAY_LIMIT_MS = 5_000;
const PINGS = 10;

/**
 * Run the check, and return its result; `signal` ends it early, with what was seen until then.
 *
 * `options`: url, token, iceServers (null: fetch them), mode, relayOnly, place, tool,
 * listenS, holdS, skip (names of steps). `onProgress({step, state, text, fraction, live})` hears
 * how it goes; `ask(what)` puts a question to the person: "heard-tone" gives "yes", "no" or "".
 */
export async function runCheck(options, { onProgress = () => {}, signal, ask = async () => "" } = {}) {
  const check = new Check(options, onProgress, signal, ask);
  await check.run();
  return check.result();
}

class Cancelled extends Error {}

/** One observation while it is made. */
class Seen {
  constructor(step, operation, endpoint, startedMs) {
    Object.assign(this, { step, operation, endpoint: String(endpoint).slice(0, 300) });
    Object.assign(this, { started_ms: startedMs, duration_ms: 0, failure: null, notes: {} });
  }

  fail(failure, detail = "") {
    this.failure = failure;
    if (detail) this.notes.detail = String(detail).slice(0, 300);
  }

  note(notes) {
    Object.assign(this.notes, notes);
  }
}

class Check {
  constructor(options, onProgress, signal, ask) {
    this.options = { listenS: 6, holdS: 8, place: "page", skip: [], ...options };
    this.token = (options.token ?? "").replace(/\r?\n$/, "");
    this.onProgress = onProgress;
    this.signal = signal ?? new AbortController().signal;
    this.ask = ask;
    this.started = new Date();
    this.zero = performance.now();
    this.seen = [];
    this.errors = [];
    this.ended = "finished";
    this.statistics = [];
    this.samples = [];
    this.call = { call_sid: options.callSid ?? `polyai-diag-${randomId()}`, session_id: null };
    this.descriptions = {};
    this.servers = eachServer(options.iceServers);
    this.secrets = [this.token];
    this.track = null;
    this.violations = new Violations();
    this.checks = {
      browser: () => this.checkBrowser(),
      microphone: () => this.checkMicrophone(),
      webrtc: () => this.checkWebrtc(),
      servers: () => this.checkServers(),
      call: () => this.checkCall(),
      speaker: () => this.checkSpeaker(),
    };
  }

  async run() {
    try {
      for (const [name] of STEPS) {
        if (this.options.skip.includes(name)) continue;
        this.running = name;
        await this.step(name);
      }
      this.running = null;
    } finally {
      this.release();
    }
  }

  /** Run one step. What breaks in it is told, and the others go on; a cancel ends them all. */
  async step(name) {
    if (this.signal.aborted) {
      this.ended = "cancelled";
      return;
    }
    const first = this.seen.length;
    this.tell(name, "running");
    try {
      await this.checks[name]();
    } catch (error) {
      if (!(error instanceof Cancelled)) {
        this.errors.push({ step: name, text: `${error?.name}: ${error?.message}`.slice(0, 300) });
      }
    }
    this.takeViolations();
    if (this.signal.aborted) this.ended = "cancelled";
    this.tell(name, "done", { seen: this.seen.slice(first) });
  }

  tell(step, state, more = {}) {
    this.onProgress({ step, state, text: "", fraction: null, ...more });
  }

  now() {
    return round(performance.now() - this.zero);
  }

  /** Make one observation; what throws in it, a cancel aside, is told as an error of the step. */
  async observe(step, operation, endpoint, work = () => {}) {
    const seen = new Seen(step, operation, endpoint, this.now());
    try {
      await work(seen);
    } catch (error) {
      if (error instanceof Cancelled) seen.fail("interrupted");
      throw error;
    } finally {
      seen.duration_ms = round(this.now() - seen.started_ms);
      this.seen.push(seen);
    }
    return seen;
  }

  /** Wait for a promise, a limit (then undefined) or a cancel (then it throws), what comes first. */
  within(promise, limitMs) {
    return new Promise((resolve, reject) => {
      const cancel = () => reject(new Cancelled());
      if (this.signal.aborted) return cancel();
      const timer = limitMs === undefined ? 0 : setTimeout(resolve, limitMs);
      this.signal.addEventListener("abort", cancel, { once: true });
      Promise.resolve(promise)
        .then(resolve, reject)
        .finally(() => {
          clearTimeout(timer);
          this.signal.removeEventListener("abort", cancel);
        });
    });
  }

  pause(ms) {
    return this.within(new Promise(() => {}), ms);
  }

  release() {
    this.track?.stop();
    this.context?.close().catch(() => {});
    this.violations.stop();
  }

  takeViolations() {
    for (const { blocked, ...notes } of this.violations.take()) {
      const seen = new Seen("browser", "csp_violation", blocked, this.now());
      seen.fail("policy_blocked", `${notes.directive} forbids it`);
      seen.note(notes);
      this.seen.push(seen);
    }
  }

  result() {
    const { url = "", relayOnly = false, place, tool = "" } = this.options;
    const told = {
      browser_check: FORMAT,
      tool,
      started: this.started.toISOString(),
      duration_ms: this.now(),
      ended: this.ended,
      running: this.running,
      place,
      page: { origin: globalThis.origin ?? "", protocol: location.protocol },
      browser: this.browserFacts,
      target: { url: withoutQuery(url), ice_urls: this.servers.map((s) => s.url), relay_only: relayOnly },
      call: this.call,
      errors: this.errors,
      observations: this.seen,
      statistics: reportedStatistics(this.statistics),
      samples: this.samples,
      descriptions: this.descriptions,
    };
    return withoutSecrets(JSON.parse(JSON.stringify(told)), this.secrets);
  }

  // --- this browser -------------------------------------------------------------------------------

  async checkBrowser() {
    const secure = globalThis.isSecureContext === true;
    const reachable = Boolean(navigator.mediaDevices?.getUserMedia);
    await this.observe("browser", "secure_context", location.origin, (seen) => {
      seen.note({ protocol: location.protocol, media_devices: reachable });
      if (!secure) seen.fail("insecure_context", "neither https nor localhost");
    });
    this.browserFacts = readBrowser({
      userAgent: navigator.userAgent,
      brands: navigator.userAgentData?.brands ?? [],
      platform: navigator.userAgentData?.platform ?? "",
      touchPoints: navigator.maxTouchPoints ?? 0,
    });
    const { name, version, brand } = this.browserFacts;
    await this.observe("browser", "browser_version", `${brand} ${version}`.trim(), (seen) => {
      seen.note({ ...this.browserFacts, least: LEAST_VERSIONS[name] ?? "" });
      if (isSupported(this.browserFacts) === false) {
        seen.fail("browser_outdated", `${version} is older than ${LEAST_VERSIONS[name]}`);
      }
    });
    if (globalThis.top !== globalThis.self) await this.framePolicy();
  }

  async framePolicy() {
    let allow = null;
    try {
      allow = globalThis.frameElement?.getAttribute("allow") ?? null;
    } catch {
      // A frame of another origin does not show its element.
    }
    await this.observe("browser", "frame_policy", location.origin, (seen) => {
      seen.note({ allow, microphone: policyAllows("microphone"), autoplay: policyAllows("autoplay") });
    });
  }

  // --- microphone ---------------------------------------------------------------------------------

  async checkMicrophone() {
    if (!navigator.mediaDevices?.getUserMedia) return; // told by secure_context
    const state = await this.permission();
    const allowed = policyAllows("microphone");
    await this.observe("browser", "permissions_policy", location.origin, (seen) => {
      seen.note({ microphone: allowed, framed: globalThis.top !== globalThis.self });
      if (allowed === false) seen.fail("policy_blocked", "Permissions-Policy: microphone is off");
    });
    await this.openMicrophone({ state, allowed });
    await this.devices();
    if (this.track) await this.listen();
  }

  async permission() {
    let state = "unknown"; // Firefox long knew no "microphone"
    await this.observe("browser", "permission_query", "microphone", async (seen) => {
      const asked = navigator.permissions?.query({ name: "microphone" });
      state = (await asked?.catch(() => null))?.state ?? state;
      seen.note({ state });
    });
    return state;
  }

  async openMicrophone(known) {
    this.tell("microphone", "running", { text: "Waiting for the permission" });
    await this.observe("browser", "microphone_open", "microphone", async (seen) => {
      seen.note({ state: known.state });
      try {
        const opening = navigator.mediaDevices.getUserMedia({ audio: true });
        opening.then((stream) => this.signal.aborted && stream.getTracks().map((t) => t.stop()), () => {});
        const stream = await this.within(opening);
        [this.track] = stream.getAudioTracks();
      } catch (error) {
        if (error instanceof Cancelled) throw error;
        const now = navigator.permissions?.query({ name: "microphone" });
        const after = (await now?.catch(() => null))?.state ?? "unknown";
        const [failure, by] = microphoneFailure(error, known);
        seen.fail(failure, error.message);
        seen.note({ error: error.name, denied_by: by, state_after: after });
        return;
      }
      const { sampleRate, channelCount, echoCancellation } = this.track.getSettings();
      const settings = { sample_rate_hz: sampleRate, channels: channelCount };
      seen.note({ label: this.track.label, muted: this.track.muted, ...settings });
      seen.note({ echo_cancellation: echoCancellation });
    });
  }

  async devices() {
    await this.observe("browser", "device_list", "devices", async (seen) => {
      const found = (await this.within(navigator.mediaDevices.enumerateDevices(), 3000)) ?? [];
      const of = (kind) => found.filter((device) => device.kind === kind);
      const labels = of("audioinput").map((device) => device.label).filter(Boolean);
      seen.note({ inputs: of("audioinput").length, outputs: of("audiooutput").length });
      seen.note({ labels: labels.slice(0, 8) });
    });
  }

  /** Listen for a few seconds, showing the level, and judge what was heard. */
  async listen() {
    const { listenS } = this.options;
    await this.observe("browser", "microphone_listen", this.track.label || "microphone", async (seen) => {
      const meter = await this.meter(new MediaStream([this.track]));
      seen.note({ context: meter.context.state });
      if (meter.context.state !== "running") return; // without a click it may not run
      const blocks = [];
      const spectrum = new Float64Array(meter.bins.length);
      const end = performance.now() + 1000 * listenS;
      while (performance.now() < end) {
        await this.pause(50);
        const block = meter.block();
        blocks.push(block);
        if (block.dbfs > -60) meter.addSpectrum(spectrum);
        const left = (end - performance.now()) / 1000;
        const fraction = Math.min(1, 1 - left / listenS);
        const live = { level_dbfs: round(block.dbfs), peak_dbfs: round(decibels(block.peak ** 2)) };
        this.tell("microphone", "running", { text: "Please speak: listening", fraction, live });
      }
      meter.disconnect();
      const judged = judgeLevels(blocks);
      const edge = bandEdge([...spectrum].map((power) => power / (meter.added || 1)), meter.context.sampleRate);
      seen.note({ ...judged, muted: this.track.muted, band_edge_hz: edge, seconds: listenS });
      if (this.track.muted) seen.fail("silence", "the track is muted by the system or the headset");
      else if (judged.all_zero) seen.fail("silence", "every sample is zero");
      else if (judged.silent) seen.fail("silence", `nothing over ${judged.peak_dbfs} dBFS`);
    });
  }

  async meter(stream) {
    const context = await this.audioContext();
    const source = context.createMediaStreamSource(stream);
    const analyser = new AnalyserNode(context, { fftSize: 2048, smoothingTimeConstant: 0 });
    source.connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const bins = new Float32Array(analyser.frequencyBinCount);
    const meter = { context, bins, added: 0, disconnect: () => source.disconnect() };
    meter.block = () => {
      analyser.getFloatTimeDomainData(samples);
      return measureBlock(samples);
    };
    meter.addSpectrum = (sum) => {
      analyser.getFloatFrequencyData(bins);
      bins.forEach((db, i) => (sum[i] += db > -200 ? 10 ** (db / 10) : 0));
      meter.added++;
    };
    return meter;
  }

  async audioContext() {
    if (!this.context) this.context = new (globalThis.AudioContext ?? globalThis.webkitAudioContext)();
    if (this.context.state === "suspended") await this.within(this.context.resume(), 1000);
    return this.context;
  }

  // --- WebRTC -------------------------------------------------------------------------------------

  async checkWebrtc() {
    const Peer = globalThis.RTCPeerConnection;
    await this.observe("browser", "webrtc_support", "RTCPeerConnection", async (seen) => {
      seen.note({ overridden: typeof Peer === "function" && !isNative(Peer) });
      if (typeof Peer !== "function") {
        seen.fail("webrtc_missing", "RTCPeerConnection is not there");
        return;
      }
      const found = await this.gather({ limitMs: 5000 });
      const hosts = found.candidates.filter((candidate) => candidate.type === "host");
      const hidden = hosts.filter((candidate) => candidate.mdns).length;
      seen.note({ candidates: hosts.length, mdns: hidden, gathered: found.complete });
      if (!hosts.length) seen.fail("ice_no_candidates", "no address of this machine was gathered");
      this.offered = found.sdp;
    });
    if (typeof Peer !== "function") return;
    await this.observe("browser", "opus_support", "RTCRtpReceiver.getCapabilities", (seen) => {
      const listed = globalThis.RTCRtpReceiver?.getCapabilities?.("audio")?.codecs;
      const codecs = [...new Set(listed?.map(({ mimeType }) => mimeType))];
      const offered = /a=rtpmap:\d+ opus\/48000\/2/i.test(this.offered ?? "");
      seen.note({ codecs: codecs.slice(0, 20), offered });
      const able = listed ? codecs.some((type) => type.toLowerCase() === "audio/opus") : offered;
      if (!able) seen.fail("opus_missing", `codecs: ${codecs.join(", ") || "none told"}`);
    });
  }

  /** Gather candidates, with one server or none, until `enough` of them, all of them or a limit. */
  async gather({ server, policy = "all", limitMs = GATHER_LIMIT_MS, enough = () => false }) {
    const iceServers = server ? [asIceServer(server)] : [];
    const pc = new RTCPeerConnection({ iceServers, iceTransportPolicy: policy });
    const found = { candidates: [], errors: [], complete: false, sdp: "" };
    try {
      const ended = new Promise((resolve) => {
        pc.onicecandidate = ({ candidate }) => {
          const read = candidate && readCandidate(candidate.candidate);
          if (read) found.candidates.push(read);
          if (!candidate) found.complete = true;
          if (!candidate || (read && enough(read))) resolve();
        };
        pc.onicecandidateerror = (event) => found.errors.push(errorOf(event));
        pc.onicegatheringstatechange = () => {
          if (pc.iceGatheringState !== "complete") return;
          found.complete = true;
          resolve();
        };
      });
      pc.addTransceiver("audio");
      const offer = await pc.createOffer();
      found.sdp = offer.sdp;
      await pc.setLocalDescription(offer);
      await this.within(ended, limitMs);
    } finally {
      pc.close();
    }
    return found;
  }

  // --- STUN and TURN ------------------------------------------------------------------------------

  async checkServers() {
    if (!this.options.iceServers && this.options.url) await this.fetchServers();
    for (const { credential } of this.servers) if (credential) this.secrets.push(String(credential));
    if (typeof globalThis.RTCPeerConnection !== "function") return;
    let done = 0;
    const asked = this.servers.map(async (server) => {
      await (server.turn ? this.askTurn(server) : this.askStun(server));
      const fraction = ++done / this.servers.length;
      this.tell("servers", "running", { text: `${done} of ${this.servers.length} asked`, fraction });
    });
    const ended = await Promise.allSettled(asked);
    const broken = ended.find(({ status }) => status === "rejected");
    if (broken) throw broken.reason;
  }

  /** Fetch ICE servers: by header; by query where the gateway lets no header through CORS. */
  async fetchServers() {
    const url = httpUrl(this.options.url, "/api/v1/ice-servers");
    const fetched = new Seen("gateway", "ice_servers_fetch", url, this.now());
    try {
      const headers = { Authorization: `Bearer ${this.token}` };
      const byQuery = `${url}?token=${encodeURIComponent(this.token)}`;
      const asked = (to, how) => fetch(to, { ...how, credentials: "omit", cache: "no-store" });
      const response =
        (await this.within(asked(url, { headers }).catch(() => null), 8000)) ??
        (await this.within(asked(byQuery, {}), 8000));
      if (!response) fetched.fail("generic_timeout", "no answer in 8 s");
      else if (!response.ok) {
        fetched.fail("http_status", `HTTP ${response.status}`);
        fetched.note({ status: response.status });
      } else this.servers = eachServer((await response.json()).iceServers);
    } catch (error) {
      if (error instanceof Cancelled) throw error;
      fetched.fail("unknown_failure", `${error.message}: blocked by CORS, or not reached`);
    }
    fetched.duration_ms = round(this.now() - fetched.started_ms);
    const fromDisk = globalThis.origin === "null" && fetched.failure === "unknown_failure";
    if (fromDisk) {
      // A page from disk has no origin to be let in: what it may not fetch says nothing.
      Object.assign(fetched, { step: "browser", operation: "fetch_from_disk", failure: null });
    }
    this.seen.push(fetched);
  }

  async askStun(server) {
    await this.observe("stun", "stun_binding", server.url, async (seen) => {
      const found = await this.gather({ server, enough: ({ type }) => type === "srflx" });
      const mapped = found.candidates.find(({ type }) => type === "srflx");
      seen.note({ url: server.url, mapped_address: mapped ? addressOf(mapped) : "" });
      seen.note({ gathered: found.complete, codes: found.errors.map(({ code }) => code).slice(0, 8) });
      // Without a NAT it is the host's own address, and no browser tells it twice.
      if (!mapped && (found.errors.length || !found.complete)) {
        seen.fail(...serverFailure(found.errors, "udp", GATHER_LIMIT_MS));
      }
    });
  }

  /** Ask for a relay, relay-only; then send data through it between two peers of our own. */
  async askTurn(server) {
    const loop = new Loop(server);
    try {
      await this.observe("turn", "turn_allocate", server.url, async (seen) => {
        seen.note({ url: server.url, username: timeInUsername(server.username) });
        const relayed = await this.within(loop.allocated(), GATHER_LIMIT_MS);
        seen.note({ codes: loop.errors.map(({ code }) => code).slice(0, 8) });
        if (relayed) seen.note({ relayed_address: addressOf(relayed) });
        else {
          seen.fail(...serverFailure(loop.errors, server.transport, GATHER_LIMIT_MS));
          if (!loop.errors.some(({ code }) => code < 700)) seen.operation = "turn_challenge";
        }
      });
      if (!loop.relayed) return;
      await this.observe("turn", "turn_relayed_echo", server.url, async (seen) => {
        const open = await this.within(loop.opened, RELAY_LIMIT_MS);
        const times = open ? await this.within(loop.ping(PINGS), RELAY_LIMIT_MS) : undefined;
        seen.note({ url: server.url, sent: open ? PINGS : 0, answered: times?.length ?? 0 });
        if (times?.length) seen.note({ rtt_ms: round(median(times)) });
        else seen.fail("generic_timeout", "no data came back from one allocation to another");
      });
    } finally {
      loop.close();
    }
  }

  // --- the call -----------------------------------------------------------------------------------

  async checkCall() {
    if (!this.options.url || typeof globalThis.RTCPeerConnection !== "function") return;
    await this.observe("token", "token_read", "token", (seen) => {
      const fault = tokenFault(this.token, Date.now());
      if (fault) seen.fail(...fault);
      seen.note(tokenDates(this.token));
    });
    await new Call(this).place();
  }

  // --- speaker ------------------------------------------------------------------------------------

  async checkSpeaker() {
    await this.observe("browser", "speaker_test", "speaker", async (seen) => {
      const context = await this.audioContext();
      seen.note({ context: context.state });
      if (context.state !== "running") {
        const clicked = navigator.userActivation?.hasBeenActive; // then it is no rule of autoplay's
        const hint = clicked ? ", although the page was clicked: is a speaker or headset connected?" : "";
        seen.fail("playback_blocked", `the audio context is ${context.state}${hint}`);
        return;
      }
      this.tell("speaker", "running", { text: "Playing a tone" });
      playTone(context);
      seen.note({ heard: (await this.within(this.ask("heard-tone"))) || "unasked" });
    });
  }
}

/** Two peers of our own, the near one relay-only: what passes between them passes the relay. */
class Loop {
  constructor(server) {
    const iceServers = [asIceServer(server)];
    this.errors = [];
    this.near = new RTCPeerConnection({ iceServers, iceTransportPolicy: "relay" });
    this.far = new RTCPeerConnection({ iceServers });
    this.channel = this.near.createDataChannel("loop", { ordered: false, maxRetransmits: 0 });
    this.opened = new Promise((resolve) => (this.channel.onopen = () => resolve(true)));
    this.far.ondatachannel = ({ channel }) => {
      channel.onmessage = ({ data }) => channel.send(data);
    };
    this.near.onicecandidateerror = (event) => this.errors.push(errorOf(event));
  }

  /** The first relayed address, null where none comes; then the two are made known to each other. */
  async allocated() {
    const { near, far } = this;
    const waiting = [];
    const pass = (to) => (candidate) => {
      if (to.remoteDescription) to.addIceCandidate(candidate).catch(() => {});
      else waiting.push([to, candidate]);
    };
    far.onicecandidate = ({ candidate }) => candidate && pass(near)(candidate);
    const gathered = new Promise((resolve) => {
      near.onicecandidate = ({ candidate }) => {
        const read = candidate && readCandidate(candidate.candidate);
        if (read) pass(far)(candidate);
        if (!candidate || read) resolve(read || null);
      };
      near.onicegatheringstatechange = () => near.iceGatheringState === "complete" && resolve(null);
    });
    await near.setLocalDescription(await near.createOffer());
    this.relayed = await gathered;
    if (!this.relayed) return null;
    await far.setRemoteDescription(near.localDescription);
    await far.setLocalDescription(await far.createAnswer());
    await near.setRemoteDescription(far.localDescription);
    for (const [to, candidate] of waiting) to.addIceCandidate(candidate).catch(() => {});
    return this.relayed;
  }

  /** Round trips of `count` messages, in ms; those that did not come back are not in it. */
  ping(count) {
    const times = [];
    return new Promise((resolve) => {
      this.channel.onmessage = ({ data }) => {
        times.push(performance.now() - Number(data));
        if (times.length === count) resolve(times);
      };
      for (let i = 0; i < count; i++) {
        setTimeout(() => this.channel.readyState === "open" && this.channel.send(String(performance.now())), 20 * i);
      }
      setTimeout(() => resolve(times), 20 * count + 1500);
    });
  }

  close() {
    this.near.close();
    this.far.close();
  }
}

/** What the page's Content-Security-Policy forbids while the check runs. */
class Violations {
  constructor() {
    this.kept = [];
    this.listener = (event) => {
      if (event.disposition === "report" || this.kept.length >= 20) return;
      this.kept.push({
        blocked: String(event.blockedURI).slice(0, 200),
        directive: event.effectiveDirective || event.violatedDirective,
      });
    };
    document.addEventListener("securitypolicyviolation", this.listener);
  }

  take() {
    return this.kept.splice(0);
  }

  stop() {
    document.removeEventListener("securitypolicyviolation", this.listener);
  }
}

// --- small things of the browser ----------------------------------------------------------------

function policyAllows(feature) {
  const policy = document.permissionsPolicy ?? document.featurePolicy;
  return policy?.allowsFeature ? policy.allowsFeature(feature) : null;
}

function isNative(made) {
  return Function.prototype.toString.call(made).includes("[native code]");
}

function errorOf({ errorCode = 0, errorText = "", url = "" }) {
  return { code: errorCode, text: String(errorText).slice(0, 200), url: String(url).slice(0, 200) };
}

function addressOf({ address, port }) {
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}

function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function hostOf(url) {
  try {
    return new URL(url).hostname;
  } catch {
    return "";
  }
}

function withoutQuery(url) {
  try {
    const { protocol, host, pathname } = new URL(url);
    return `${protocol}//${host}${pathname}`;
  } catch {
    return "";
  }
}

function httpUrl(url, path) {
  return withoutQuery(url).replace(/^ws(s?):\/\/([^/]*).*$/, `http$1://$2${path}`);
}

function playTone(context) {
  const start = context.currentTime;
  const gain = new GainNode(context, { gain: 0 });
  const tone = new OscillatorNode(context, { frequency: 523 });
  tone.connect(gain).connect(context.destination);
  gain.gain.linearRampToValueAtTime(0.25, start + 0.05);
  gain.gain.setValueAtTime(0.25, start + 1.2);
  gain.gain.linearRampToValueAtTime(0, start + 1.4);
  tone.start();
  tone.stop(start + 1.5);
}
