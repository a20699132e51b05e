// A client of the gateway in plain JavaScript, written from the protocol's description alone.
"use strict";

const FFT_SIZE = 16384;
const HEARD_DB = -50; // per FFT bin; silence is below -100

class Client {
  constructor({ url, token, relayOnly = false, mode = "echo", candidatesFirst = false }) {
    this.url = url;
    this.token = token;
    this.mode = mode;
    this.relayOnly = relayOnly;
    this.candidatesFirst = candidatesFirst;
    this.sessionId = "";
    this.early = []; // the gateway's candidates that come before its answer
    this.sent = [];
  }

  async iceServers() {
    const url = this.url.replace(/^ws/, "http").replace(/\/webrtc\/signal$/, "/ice-servers");
    const response = await fetch(url, { headers: { Authorization: `Bearer ${this.token}` } });
    if (!response.ok) throw new Error(`ICE servers: HTTP ${response.status}`);
    return (await response.json()).iceServers;
  }

  async call(iceServers) {
    const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
    this.microphone = await navigator.mediaDevices.getUserMedia({ audio: plain });
    this.pc = new RTCPeerConnection({
      iceServers,
      iceTransportPolicy: this.relayOnly ? "relay" : "all",
    });
    for (const track of this.microphone.getTracks()) this.pc.addTrack(track, this.microphone);
    this.pc.ontrack = ({ track }) => this.listen(track);
    this.pc.onicecandidate = ({ candidate }) => this.trickle(candidate);
    const connected = new Promise((resolve, reject) => {
      this.fail = reject;
      this.pc.onconnectionstatechange = () => {
        if (this.pc.connectionState === "connected") resolve();
        if (this.pc.connectionState === "failed") reject(new Error("the connection failed"));
      };
    });
    await this.openSocket();
    const gathered = new Promise((resolve) => {
      this.pc.onicegatheringstatechange = () => {
        if (this.pc.iceGatheringState === "complete") resolve();
      };
    });
    const { sdp } = await this.pc.createOffer();
    await this.pc.setLocalDescription({ type: "offer", sdp });
    if (this.candidatesFirst) await gathered;
    this.send({
      type: "offer",
      sessionId: "",
      data: { type: "offer", sdp },
      authToken: this.token,
      callSid: `browser-${crypto.randomUUID()}`,
      mode: this.mode,
    });
    await connected;
  }

  openSocket() {
    this.socket = new WebSocket(this.url);
    this.socket.onmessage = ({ data }) => this.take(JSON.parse(data));
    return new Promise((resolve, reject) => {
      this.socket.onopen = resolve;
      this.socket.onerror = () => reject(new Error("the signaling socket failed"));
    });
  }

  send(frame) {
    this.sent.push(frame.type);
    this.socket.send(JSON.stringify(frame));
  }

  trickle(candidate) {
    const { candidate: text = "", sdpMid = null, sdpMLineIndex = null } = candidate ?? {};
    const data = { candidate: text, sdpMid, sdpMLineIndex };
    this.send({ type: "ice-candidate", sessionId: this.sessionId, data });
  }

  async take(frame) {
    if (frame.type === "answer") {
      this.sent.push("(answer)");
      this.sessionId = frame.sessionId;
      await this.pc.setRemoteDescription(frame.data);
      for (const candidate of this.early) await this.pc.addIceCandidate(candidate);
    } else if (frame.type === "ice-candidate") {
      if (this.pc.remoteDescription) await this.pc.addIceCandidate(frame.data);
      else this.early.push(frame.data);
    } else if (frame.type === "error") {
      const { code, message } = frame.data ?? frame;
      this.fail(new Error(`${code}: ${message}`));
    }
  }

  // Chromium hands a remote track's sound to WebAudio only while an element plays it too.
  listen(track) {
    const stream = new MediaStream([track]);
    document.getElementById("speaker").srcObject = stream;
    this.context = new AudioContext();
    this.analyser = new AnalyserNode(this.context, { fftSize: FFT_SIZE });
    new MediaStreamAudioSourceNode(this.context, { mediaStream: stream }).connect(this.analyser);
  }

  // The strongest frequency in what arrives, once it has stood still for as long as the analyser
  // looks back; null when there is none in time.
  async hear(limitMs) {
    const bins = new Float32Array(this.analyser.frequencyBinCount);
    const end = performance.now() + limitMs;
    let peak = -1;
    let steady = 0;
    while (performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      this.analyser.getFloatFrequencyData(bins);
      const loudest = bins.indexOf(Math.max(...bins));
      steady = bins[loudest] > HEARD_DB && loudest === peak ? steady + 1 : 0;
      peak = loudest;
      if (steady === 10) {
        const resolutionHz = this.context.sampleRate / FFT_SIZE;
        return { peakHz: peak * resolutionHz, peakDb: bins[peak], resolutionHz };
      }
    }
    return null;
  }

  async stats() {
    const report = await this.pc.getStats();
    const all = [...report.values()];
    const inbound = all.find((entry) => entry.type === "inbound-rtp");
    const transport = all.find((entry) => entry.type === "transport");
    const pair = report.get(transport.selectedCandidatePairId);
    const local = report.get(pair.localCandidateId);
    return {
      packetsReceived: inbound.packetsReceived,
      packetsLost: inbound.packetsLost,
      codec: report.get(inbound.codecId).mimeType,
      localType: local.candidateType,
      relayProtocol: local.relayProtocol ?? null,
      roundTripMs: 1000 * pair.currentRoundTripTime,
    };
  }

  async hangUp() {
    this.send({ type: "close", sessionId: this.sessionId });
    this.pc.close();
    for (const track of this.microphone.getTracks()) track.stop();
    await this.context.close();
  }
}

// One call from start to end; what the page heard is returned.
async function placeCall({ iceServers, ...options }) {
  const client = new Client(options);
  await client.call(iceServers ?? (await client.iceServers()));
  const heard = await client.hear(8000);
  const stats = await client.stats();
  await client.hangUp();
  return { heard, stats, order: client.sent };
}
