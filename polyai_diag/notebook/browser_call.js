// The browser check's call: as a client of the gateway places it, and watches it.

const ANSWER_LIMIT_MS = 10_000;
const CONNECT_LIMIT_MS = 20_000;
const SILENCE_LIMIT_S = 16; // an agent may take its time before it speaks

/** One call: the WebSocket, offer and answer, ICE and DTLS, and what comes of it. */
class Call {
  constructor(check) {
    this.check = check;
    this.url = withoutQuery(check.options.url);
    this.frames = new Frames();
    this.remote = []; // the gateway's candidates that came before its answer
    this.local = []; // ours that were gathered before it
    this.counts = { local: 0, remote: 0 };
  }

  async place() {
    try {
      if ((await this.openSocket()) && (await this.offer()) && (await this.connect())) {
        await this.hold();
      }
    } finally {
      this.hangUp();
    }
  }

  say(text, more = {}) {
    this.check.tell("call", "running", { text, ...more });
  }

  async openSocket() {
    this.say("Opening the WebSocket");
    const seen = await this.check.observe("gateway", "websocket_upgrade", this.url, async (seen) => {
      seen.note({ host: hostOf(this.url) });
      try {
        this.socket = new WebSocket(this.check.options.url);
      } catch (error) {
        seen.fail("policy_blocked", `${error.name}: ${error.message}`);
        return;
      }
      this.frames.listen(this.socket);
      const opened = await this.check.within(this.frames.opened, ANSWER_LIMIT_MS);
      if (opened) return;
      if (opened === undefined) return seen.fail("generic_timeout", "the WebSocket did not open");
      // A browser never says why. Whether the host answers at all it does say.
      const control = fetch(httpUrl(this.url, "/health"), { mode: "no-cors", credentials: "omit" });
      const answers = await this.check.within(control.then(() => true, () => false), 5000);
      if (answers) return seen.fail("connection_closed", "refused; HTTPS to the same host answers");
      seen.operation = "tcp_connect";
      seen.fail("host_unreachable", "neither the WebSocket nor HTTPS gets an answer");
    });
    return !seen.failure;
  }

  async offer() {
    const { check } = this;
    const pc = (this.pc = new RTCPeerConnection({
      iceServers: check.servers.map(asIceServer),
      iceTransportPolicy: check.options.relayOnly ? "relay" : "all",
    }));
    const streams = check.track ? [new MediaStream([check.track])] : [];
    pc.addTransceiver(check.track ?? "audio", { direction: "sendrecv", streams });
    pc.onicecandidate = ({ candidate }) => this.trickle(candidate);
    pc.ontrack = ({ track }) => this.play(track);
    const { sdp } = await pc.createOffer();
    await pc.setLocalDescription({ type: "offer", sdp });
    check.descriptions.offer = bareDescription(sdp);
    this.say("Waiting for the gateway's answer");
    const seen = await check.observe("signaling", "offer_answer", this.url, async (seen) => {
      const { mode } = check.options;
      seen.note({ mode: mode || "end-to-end" });
      const data = { type: "offer", sdp };
      const ids = { sessionId: "", callSid: check.call.call_sid, authToken: check.token };
      this.send({ type: "offer", ...ids, data, ...(mode ? { mode } : {}) });
      this.judgeAnswer(seen, await check.within(this.frames.answer, ANSWER_LIMIT_MS));
    });
    if (seen.failure) return false;
    return this.takeAnswer((await this.frames.answer).frame);
  }

  judgeAnswer(seen, came) {
    if (!came) seen.fail("generic_timeout", "nothing came back");
    else if (came.closed) {
      seen.fail("websocket_closed");
      seen.note({ close_code: came.closed.code, close_reason: came.closed.reason });
    } else if (!came.frame) seen.fail("frame_invalid", came.invalid);
    else if (came.frame.type === "error") {
      seen.fail("gateway_error");
      seen.note({ code: came.frame.code, message: came.frame.message.slice(0, 300) });
    } else if (came.frame.type === "close") seen.fail("websocket_closed", "a close frame came");
  }

  async takeAnswer({ sessionId, data }) {
    this.check.call.session_id = this.sessionId = sessionId;
    this.check.descriptions.answer = bareDescription(data.sdp);
    this.answeredAt = performance.now();
    const seen = await this.check.observe("signaling", "answer_apply", this.url, async (seen) => {
      try {
        await this.pc.setRemoteDescription({ type: "answer", sdp: data.sdp });
      } catch (error) {
        seen.fail("sdp_rejected", error.message);
      }
    });
    this.counts.remote += (data.sdp.match(/^a=candidate:/gm) ?? []).length;
    this.frames.onCandidate((data) => this.takeCandidate(data));
    for (const candidate of this.local.splice(0)) this.sendCandidate(candidate);
    return !seen.failure;
  }

  takeCandidate(data) {
    const init = candidateInit(data);
    if (!init) return;
    this.counts.remote++;
    this.pc.addIceCandidate(init).catch(() => {}); // one bad candidate ends no call
  }

  trickle(candidate) {
    if (candidate?.candidate) this.counts.local++;
    if (this.sessionId) this.sendCandidate(candidate);
    else this.local.push(candidate);
  }

  sendCandidate(candidate) {
    const { candidate: text = "", sdpMid = null, sdpMLineIndex = null } = candidate ?? {};
    const data = { candidate: text, sdpMid, sdpMLineIndex };
    this.send({ type: "ice-candidate", sessionId: this.sessionId, data });
  }

  send(frame) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  /** Wait for a state of the connection that ends the waiting, or for the gateway to hang up. */
  settled(states, of, event) {
    return new Promise((resolve) => {
      const look = () => states.includes(of()) && resolve(of());
      this.pc.addEventListener(event, look);
      this.frames.ended.then(resolve);
      look();
    });
  }

  async connect() {
    const { check, pc } = this;
    this.say("Connecting (ICE)");
    const ice = await check.observe("call", "ice_connect", "gateway", async (seen) => {
      const ends = ["connected", "completed", "failed", "closed"];
      const of = () => pc.iceConnectionState;
      await check.within(this.settled(ends, of, "iceconnectionstatechange"), CONNECT_LIMIT_MS);
      await this.notePairs(seen);
      if (["connected", "completed"].includes(of())) return;
      if (!this.counts.local) seen.operation = "ice_gather";
      const none = !this.counts.local || !this.counts.remote;
      seen.fail(none ? "ice_no_candidates" : "ice_failed", `ICE is ${of()}`);
    });
    if (ice.failure) {
      await this.watch(ice.failure);
      return false;
    }
    const dtls = await check.observe("call", "dtls_handshake", "gateway", async (seen) => {
      const of = () => pc.connectionState ?? connectionByIce(pc.iceConnectionState);
      await check.within(this.settled(["connected", "failed", "closed"], of, "connectionstatechange"), 8000);
      const nominated = pairRows(await this.readStatistics()).find((pair) => pair.nominated);
      seen.note({ relay_transport: nominated?.relay_transport ?? null });
      if (of() !== "connected") seen.fail("dtls_failed", `the connection is ${of()}`);
    });
    this.connectedAt = performance.now();
    this.ice = ice; // its pairs are told again at the end of the call
    return !dtls.failure;
  }

  async notePairs(seen) {
    const pairs = pairRows(await this.readStatistics());
    const tried = pairs.filter(({ sent, state }) => sent > 0 || state === "succeeded");
    seen.note({ pairs: tried.slice(0, 40), local: this.counts.local, remote: this.counts.remote });
  }

  async readStatistics() {
    const report = await this.pc.getStats();
    this.check.statistics = keptStatistics(report.values());
    return this.check.statistics;
  }

  /** Let the gateway's sound out, as a client does. */
  play(track) {
    this.speaker = new Audio();
    this.speaker.srcObject = new MediaStream([track]);
    this.speaker.play().catch((error) => (this.playError = error));
  }

  /** Keep the call up, and watch it: until the agent was heard, and for as long as was asked. */
  async hold() {
    const { check } = this;
    const everyS = 0.2;
    const levels = [];
    let loudest = -120;
    let kept = 0;
    let firstMs = null;
    for (;;) {
      const ended = await check.within(this.frames.ended, 1000 * everyS);
      const sample = sampleOf(await this.readStatistics());
      const atS = (performance.now() - this.connectedAt) / 1000;
      if (sample.received && firstMs === null) firstMs = round(1000 * atS);
      loudest = Math.max(loudest, sample.agent_dbfs ?? loudest);
      const heard = loudest > -60;
      if (sample.agent_dbfs !== null && sample.microphone_dbfs !== null) {
        levels.push([sample.agent_dbfs, sample.microphone_dbfs]);
      }
      if (atS >= kept) {
        check.samples.push({ at_s: round(atS), ...sample });
        kept += 1;
      }
      const wholeS = heard || sample.agent_dbfs === null ? check.options.holdS : SILENCE_LIMIT_S;
      const fraction = Math.min(1, atS / wholeS);
      this.say(heard ? "The agent can be heard" : "Listening to the agent", { fraction, live: sample });
      if (ended || atS >= wholeS) break;
    }
    check.call.first_audio_ms = firstMs;
    await this.notePairs(this.ice);
    await this.watch();
    await this.judgePlayback(loudest, levels, everyS);
  }

  /** Tell how the call ended, where it was not we who ended it. */
  async watch(failure) {
    const ending = await Promise.race([this.frames.ended, undefined]);
    if (!ending) return;
    const after = round((performance.now() - this.answeredAt) / 1000);
    const operation = ending.closed ? "call_hold" : "call_watch";
    await this.check.observe("call", operation, "gateway", (seen) => {
      seen.note({ after_answer_s: after });
      if (ending.closed) {
        const { code, reason } = ending.closed;
        seen.fail("websocket_closed", `closed with code ${code}${reason ? ` (${reason})` : ""}`);
        seen.note({ close_code: code, media_lives_on: this.pc.connectionState === "connected" });
      } else if (ending.frame.type === "error") {
        seen.fail("gateway_error");
        seen.note({ code: ending.frame.code, message: ending.frame.message.slice(0, 300) });
      } else seen.fail("call_ended", "the gateway sent close");
      if (failure) seen.note({ during: failure });
    });
  }

  async judgePlayback(loudest, levels, everyS) {
    const { check } = this;
    await check.observe("browser", "playback", "the agent's voice", (seen) => {
      const { received } = sampleOf(check.statistics);
      seen.note({ packets: received, agent_dbfs: loudest, paused: this.speaker?.paused ?? null });
      if (this.playError) seen.note({ error: this.playError.name });
      if (received && this.speaker?.paused) {
        seen.fail("playback_blocked", this.playError?.message ?? "the element is paused");
      }
    });
    const overheard = judgeOverhearing(levels, everyS);
    if (!overheard) return;
    await check.observe("browser", "overhearing", "microphone", (seen) => seen.note(overheard));
  }

  hangUp() {
    if (this.sessionId !== undefined || this.pc) this.send({ type: "close", sessionId: this.sessionId ?? "" });
    this.frames.deaf = true;
    this.socket?.close();
    this.pc?.close();
    this.speaker?.pause();
  }
}

/** The state of the whole, where a browser tells no `connectionState` (Firefox before 113). */
function connectionByIce(state) {
  return state === "completed" ? "connected" : state;
}

/** What comes over the WebSocket, as promises: that it opened, the answer, how the call ended. */
class Frames {
  constructor() {
    this.early = [];
    this.opened = new Promise((resolve) => (this.open = resolve));
    this.answer = new Promise((resolve) => (this.answerCame = resolve));
    this.ended = new Promise((resolve) => (this.end = resolve));
  }

  listen(socket) {
    socket.onopen = () => this.open(true);
    socket.onclose = ({ code, reason }) => {
      if (this.deaf) return;
      const closed = { code, reason: String(reason).slice(0, 120) };
      this.open(false);
      this.answerCame({ closed });
      this.end({ closed });
    };
    socket.onmessage = ({ data }) => this.take(data);
  }

  take(text) {
    const frame = typeof text === "string" ? readFrame(text) : null;
    if (!frame) return this.answerCame({ invalid: "a frame that is no JSON object with a type" });
    if (frame.type === "ice-candidate") return this.takeCandidate(frame.data);
    if (frame.type === "answer") return this.answerCame(asAnswer(frame));
    if (frame.type !== "error" && frame.type !== "close") return; // unknown types: carry on
    this.answerCame({ frame });
    this.end({ frame });
  }

  takeCandidate(data) {
    if (this.candidate) this.candidate(data);
    else if (this.early.length < 100) this.early.push(data);
  }

  onCandidate(take) {
    this.candidate = take;
    this.early.splice(0).forEach(take);
  }
}

function asAnswer(frame) {
  if (typeof frame.data.sdp !== "string") return { invalid: "data.sdp: the answer has none" };
  if (typeof frame.sessionId !== "string" || !frame.sessionId) {
    return { invalid: "sessionId: the answer has none" };
  }
  return { frame };
}
