// The check for the console of the customer's own page, where its rules act.

const page = __CONFIG__;
const say = (...words) => console.log("%cpolyai-diag", "font-weight:bold", ...words);
const copyNow = typeof copy === "function" ? copy : null; // the console's own, where it has one

/** Wait for a call that the page itself places, and look whether its sound gets out. */
class Watch {
  constructor() {
    this.contexts = new Set();
    this.connections = new Set();
    this.refusals = [];
    this.undo = [];
    const keep = (set) => (it) => set.add(it);
    for (const name of ["createMediaStreamSource", "createGain", "resume"]) {
      this.wrap(globalThis.AudioContext?.prototype, name, keep(this.contexts));
    }
    for (const name of ["addIceCandidate", "setRemoteDescription", "setLocalDescription", "getStats"]) {
      this.wrap(globalThis.RTCPeerConnection?.prototype, name, keep(this.connections));
    }
    this.wrap(HTMLMediaElement.prototype, "play", (element, made) => {
      made?.catch?.((error) => this.refusals.push({ element, error }));
    });
  }

  /** Look on when a method is called; what it does stays as it was. */
  wrap(prototype, name, look) {
    const own = prototype?.[name];
    if (!own) return;
    prototype[name] = function (...given) {
      const made = own.apply(this, given);
      look(this, made);
      return made;
    };
    this.undo.push(() => (prototype[name] = own));
  }

  stop() {
    for (const undo of this.undo.splice(0)) undo();
  }

  /** The first connection that carries sound, looked at for a moment; null where none comes. */
  async call(limitS) {
    const end = performance.now() + 1000 * limitS;
    while (performance.now() < end) {
      for (const connection of this.connections) {
        const statistics = keptStatistics((await connection.getStats()).values());
        if (sampleOf(statistics).received > 50) return statistics;
      }
      await new Promise((again) => setTimeout(again, 500));
    }
    return null;
  }
}

/** Frames of this page, and whether each may use the microphone. */
function frames() {
  return [...document.querySelectorAll("iframe")].slice(0, 10).map((frame) => {
    const allow = frame.getAttribute("allow");
    return { endpoint: frame.src.split("?")[0], allow, microphone: /\bmicrophone\b/.test(allow ?? "") };
  });
}

function playback(watch, statistics) {
  const seen = new Seen("browser", "playback", "the page's call", 0);
  const { received, agent_dbfs } = sampleOf(statistics);
  const live = [...document.querySelectorAll("audio, video")].filter(({ srcObject }) => srcObject);
  const paused = live.filter((element) => element.paused);
  const suspended = [...watch.contexts].filter(({ state }) => state === "suspended");
  seen.note({ packets: received, agent_dbfs, paused: paused.length > 0 });
  const [refusal] = watch.refusals;
  if (refusal) seen.note({ error: refusal.error.name });
  if (live.length && paused.length === live.length) {
    seen.fail("playback_blocked", refusal?.error.message ?? "the media element is paused");
  } else if (!live.length && suspended.length) {
    seen.fail("playback_blocked", "the audio context is suspended");
  }
  return seen;
}

async function checkHere({ token = "", watchS = 60, ...given } = {}) {
  const watch = new Watch();
  const servers = { iceServers: given.iceServers ?? (token ? null : page.servers.map((urls) => ({ urls }))) };
  const options = { url: page.url, tool: page.tool, place: "snippet", listenS: 4, ...given, ...servers, token };
  const skip = token ? ["speaker"] : ["speaker", "call"];
  const violations = new Violations();
  const titles = Object.fromEntries(STEPS);
  const result = await runCheck(
    { ...options, skip },
    { onProgress: ({ step, state }) => state === "running" || say(titles[step], "checked") },
  );
  if (!token && page.url) await reach(result);
  for (const { endpoint, ...notes } of frames()) {
    if (notes.microphone) continue;
    const seen = new Seen("browser", "frame_seen", endpoint, 0);
    seen.note(notes);
    result.observations.push(seen);
  }
  if (watchS) {
    say(`Now place a call with the page's own button: it is watched for ${watchS} s`);
    const statistics = await watch.call(watchS);
    if (statistics) {
      await new Promise((on) => setTimeout(on, 2000));
      result.observations.push(playback(watch, statistics));
      if (!result.statistics.length) result.statistics = reportedStatistics(statistics);
    } else say("No call was seen");
  }
  for (const { blocked, ...notes } of violations.take()) {
    const known = result.observations.some((s) => s.operation === "csp_violation" && s.endpoint === blocked);
    const seen = new Seen("browser", "csp_violation", blocked, 0);
    seen.fail("policy_blocked", `${notes.directive} forbids it`);
    seen.note(notes);
    if (!known) result.observations.push(seen);
  }
  violations.stop();
  watch.stop();
  tellHere(JSON.parse(JSON.stringify(result)));
  return "done";
}

/** Without a token no call is placed: whether the page may reach the gateway is asked all the same. */
async function reach(result) {
  await new Promise((resolve) => {
    try {
      const socket = new WebSocket(page.url);
      socket.onopen = () => resolve(socket.close());
      socket.onerror = resolve;
    } catch {
      resolve();
    }
    setTimeout(resolve, 5000);
  });
  result.target.url = withoutQuery(page.url);
}

function tellHere(result) {
  const causes = shownCauses(result);
  for (const id of causes) {
    const { title, remedy } = page.causes[id] ?? { title: id, remedy: "" };
    say(`${title}\n  ${remedy} ${adviceFor(id, result.observations, result.browser, page)}`);
  }
  if (!causes.length) say("Nothing wrong was found");
  const text = asText(result);
  globalThis.polyaiCheckResult = text;
  try {
    copyNow?.(text);
    say(copyNow ? "The report is on the clipboard: paste it into your answer" : "Send this back:");
  } catch {
    say("Send this back:");
  }
  console.log(text);
}

globalThis.polyaiCheck = checkHere;
say("Ready. Start with  polyaiCheck()  or, to place a call too,  polyaiCheck({token: prompt('Token')})");
