// The check as people see it: what is shown, as plain data, and the drawing of it.
//
// The page and the notebook share it. What is shown is data alone, so that a notebook's widget can
// keep it in its model and draw it again after a reload.

const MARKS = { ok: ["✓", "fine"], warn: ["!", "attention"], bad: ["✕", "fails"], run: ["…", "running"], off: ["–", "waiting"] };
const ALWAYS_BAD =
  /^(insecure-context|microphone-(denied|missing|busy|silent)|playback-blocked|token-|request-|browser-blocks-webrtc$)/;
const SHARE = { browser: 2, microphone: 25, webrtc: 5, servers: 20, call: 33, speaker: 15 };

/** Follows a check's events; `shown` is what there is to see of them. */
export class Progress {
  constructor() {
    const steps = STEPS.map(([name, title]) => ({ name, title, tone: "off", text: MARKS.off[1] }));
    this.shown = { status: "", percent: 0, steps, live: null, asking: false };
    this.latest = {}; // what was measured last, by step
  }

  follow({ step, state, text, fraction, live, seen }) {
    const { shown } = this;
    const done = state === "done";
    if (live) this.latest[step] = live;
    const [tone, words] = done ? judgeStep(step, seen, this.latest[step]) : ["run", text || MARKS.run[1]];
    shown.steps = shown.steps.map((row) => (row.name === step ? { ...row, tone, text: words } : row));
    if (!done) shown.status = text;
    shown.live = done || !live ? null : { step, ...live };
    shown.percent = percentOf(step, done ? 1 : fraction ?? 0);
    if (done) shown.asking = false;
  }

  /** The rows as they stand at the end: what was waiting was not reached. */
  rows() {
    return this.shown.steps.map((row) => (row.tone === "off" && row.text === MARKS.off[1] ? { ...row, text: "not reached" } : row));
  }
}

function percentOf(step, fraction) {
  const names = STEPS.map(([name]) => name);
  const before = names.slice(0, names.indexOf(step)).reduce((sum, name) => sum + SHARE[name], 0);
  return Math.round(before + SHARE[step] * Math.min(1, fraction));
}

// --- what a step saw, in words ------------------------------------------------------------------

/** How a step ended, as [tone, words]. */
export function judgeStep(step, seen, live) {
  const failed = seen.filter(({ failure, operation }) => failure && operation !== "csp_violation");
  const words = WORDS[step](seen, Object.fromEntries(seen.map((one) => [one.operation, one])), live);
  if (failed.some(({ failure }) => failure === "interrupted")) return ["off", "stopped"];
  if (!seen.length) return ["off", NOT_DONE[step] ?? "not checked"];
  const weak = failed.length < seen.filter(({ step: of }) => of === "stun" || of === "turn").length;
  const softly = step === "servers" && weak;
  return [failed.length ? (softly ? "warn" : "bad") : words.tone ?? "ok", words.text];
}

const NOT_DONE = { call: "not placed: no token was given", servers: "none was given" };

const WORDS = {
  browser: (_, { browser_version: seen, secure_context: secure }) => {
    const { brand, version, system } = seen?.notes ?? {};
    const insecure = secure?.failure ? "; the page is not served securely" : "";
    return { text: `${brand} ${String(version).split(".")[0]} on ${NAMES[system] ?? system}${insecure}` };
  },
  microphone: (_, { microphone_open: opened, microphone_listen: heard }) => {
    if (!opened) return { text: "not available on a page that is not secure" };
    if (opened.failure) return { text: MICROPHONE_WORDS[opened.failure] ?? opened.notes.detail };
    const { active_level_dbfs: level } = heard?.notes ?? {};
    const name = opened.notes.label || "the microphone";
    if (heard?.failure) return { text: `${name} gives no sound: ${heard.notes.detail}` };
    if (heard && level === undefined) return { tone: "warn", text: `${name}: its level could not be measured` };
    if (level === null) return { tone: "warn", text: `${name} works, but nobody was heard speaking` };
    const [cause] = soundCauses(heard?.notes ?? {});
    if (cause) return { tone: "warn", text: `${name}: ${SOUND_WORDS[cause]}` };
    return { text: `${name}: speech at ${signed(Math.round(level))} dBFS` };
  },
  webrtc: (_, { webrtc_support: support, opus_support: opus }) => {
    if (support?.failure) return { text: support.notes.detail };
    return { text: opus?.failure ? "no Opus in this browser" : "available, with Opus" };
  },
  servers: (seen) => {
    const asked = seen.filter(({ operation }) => /^(stun_binding|turn_(challenge|allocate))$/.test(operation));
    const good = asked.filter(({ failure }) => !failure).length;
    const fetched = seen.find(({ operation }) => operation === "ice_servers_fetch");
    if (!asked.length && fetched?.failure) return { text: "the gateway gave none" };
    const fromDisk = seen.some(({ operation }) => operation === "fetch_from_disk");
    if (!asked.length && fromDisk) return { tone: "off", text: "a page from disk may not fetch them: give them by hand" };
    const first = asked.find(({ failure }) => failure);
    const why = /^\d{3} /.test(first?.notes.detail ?? "") ? first.notes.detail : "no answer";
    const which = first ? `; ${first.endpoint}: ${why}` : "";
    return { text: asked.length ? `${good} of ${asked.length} answer${which}` : "the gateway names none" };
  },
  call: (seen, { dtls_handshake: dtls, ice_connect: ice }, live) => {
    const failed = seen.find(({ failure }) => failure);
    if (failed) return { text: failed.notes.message || failed.notes.detail || failed.failure.replace(/_/g, " ") };
    const used = ice?.notes.pairs?.find(({ nominated }) => nominated);
    const how = used?.local_type === "relay" ? `by relay over ${String(used.relay_transport).toUpperCase()}` : "directly";
    const measured = [
      [live?.round_trip_ms, (ms) => `round trip ${Math.round(ms)} ms`],
      [live?.lost_percent, (percent) => `${percent}\u00a0%\u00a0lost`],
    ].flatMap(([value, words]) => (Number.isFinite(value) ? [words(value)] : []));
    return { text: dtls ? [`connected ${how}`, ...measured].join(", ") : "not placed" };
  },
  speaker: (_, { speaker_test: seen }) => {
    if (!seen) return { text: "not checked" };
    if (seen.failure) return { text: `the browser plays nothing: ${seen.notes.detail}` };
    if (seen.notes.heard === "no") return { tone: "warn", text: "not heard: look at the volume, and which speaker is chosen" };
    return seen.notes.heard === "yes" ? { text: "you heard the tone" } : { tone: "off", text: "nobody answered" };
  },
};

const NAMES = { windows: "Windows", macos: "macOS", linux: "Linux", android: "Android", ios: "iOS", chromeos: "ChromeOS" };
const SOUND_WORDS = {
  "microphone-narrowband": "as narrow as a telephone",
  "audio-too-quiet": "too quiet",
  "audio-clipped": "too loud, so that the sound is cut off",
};
const MICROPHONE_WORDS = {
  permission_denied: "the browser may not use it",
  device_missing: "none was found",
  device_busy: "it cannot be opened: another program may hold it",
  device_failed: "it cannot be opened",
};

// --- how it all ended ---------------------------------------------------------------------------

/** What there is to say at the end: plain data. `rows` are the steps', `page` the table of causes. */
export function outcomeOf(result, rows, page) {
  const causes = shownCauses(result);
  const [tone, word, headline] = verdict(result, causes, rows, page);
  const todo = causes.map((id) => {
    const { title, remedy } = page.causes[id] ?? { title: id, remedy: "" };
    return { title, remedy, press: adviceFor(id, result.observations, result.browser, page) };
  });
  return { tone, word, headline, facts: factsOf(result), todo, steps: rows };
}

function verdict(result, causes, rows, page) {
  const broken = result.errors.length > 0;
  const connected = result.observations.some(({ operation, failure }) => operation === "dtls_handshake" && !failure);
  const called = result.observations.some(({ operation }) => operation === "websocket_upgrade" || operation === "tcp_connect");
  const bad = causes.filter((id) => ALWAYS_BAD.test(id) || (called && !connected));
  const title = (id) => page.causes[id]?.title ?? id;
  if (bad.length) return ["bad", "A call does not work as it should", title(bad[0])];
  if (result.ended === "cancelled") return ["warn", "Stopped", "The check was stopped before its end"];
  if (causes.length) return ["warn", connected ? "A call works, with warnings" : "Attention", title(causes[0])];
  if (broken) return ["warn", "Not complete", "A part of the check itself failed"];
  const failed = rows.some(({ tone }) => tone === "bad");
  if (failed) return ["bad", "Something failed", "Something failed that has no name yet: send the report back"];
  const weak = rows.find(({ tone }) => tone === "warn");
  if (weak) return ["warn", "Nearly all is well", sentence(weak.text)];
  if (!connected) return ["ok", "Nothing wrong found", "Nothing wrong was found; no call was placed"];
  return ["ok", "All is well", "This browser is ready for voice calls"];
}

function sentence(words) {
  return words[0].toUpperCase() + words.slice(1);
}

function factsOf({ started, call, browser, target }) {
  const when = `${started.slice(0, 10)} ${started.slice(11, 19)} UTC`;
  if (!browser) return [when];
  return [call.call_sid, call.session_id ? `session ${call.session_id}` : null, hostOf(target.url), when].filter(Boolean);
}

// --- drawing ------------------------------------------------------------------------------------

/** Make an element; text goes in as text, never as markup. */
function made(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") element.className = value;
    else if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

function button(label, onclick, properties = {}) {
  return made("button", { type: "button", onclick, ...properties }, label);
}

function badge(tone, word) {
  return made("span", { class: `badge ${tone}` }, made("i", { "aria-hidden": "true" }, MARKS[tone][0]), word);
}

/** What goes on: `draw(shown)` brings it up to date, in place. */
class ProgressCard {
  constructor({ onCancel, onAnswer }) {
    this.cancel = button("Cancel", onCancel);
    this.fill = made("i");
    const said = { role: "progressbar", "aria-label": "Checking", "aria-valuemin": "0", "aria-valuemax": "100" };
    this.bar = made("div", { class: "bar", ...said }, this.fill);
    this.status = made("p", { class: "status", role: "status" });
    this.live = made("div", { class: "live" });
    this.yes = button("Yes, I heard it", () => onAnswer("yes"), { class: "primary" });
    const buttons = made("div", { class: "buttons" }, this.yes, button("No", () => onAnswer("no")));
    const asked = made("p", {}, made("b", {}, "A tone was just played. Did you hear it?"));
    this.question = made("div", { class: "question", role: "group", "aria-label": "Did you hear the tone?", hidden: true }, asked, buttons);
    this.steps = made("ol", { class: "steps", "aria-label": "Steps" });
    const head = made("div", { class: "split" }, made("h2", {}, "Checking"), this.cancel);
    this.element = made("section", { class: "card", "aria-label": "Progress" });
    this.element.append(head, this.bar, this.status, this.live, this.question, this.steps);
  }

  draw({ status, percent, steps, live, asking }) {
    this.fill.style.width = `${percent}%`;
    this.bar.setAttribute("aria-valuenow", percent);
    if (this.status.textContent !== status) this.status.textContent = status; // it is read aloud
    this.live.replaceChildren(...drawnLive(live));
    this.question.hidden = !asking;
    drawSteps(this.steps, steps);
  }
}

function drawSteps(list, rows) {
  rows.forEach((row, i) => {
    if (!list.children[i]) list.append(made("li", {}, made("i", { role: "img" }), made("b"), made("span")));
    drawStep(list.children[i], row);
  });
}

function drawStep(item, { name, title, tone, text }) {
  const [mark, heading, words] = item.children;
  const [glyph, word] = MARKS[tone];
  Object.assign(item.dataset, { step: name });
  item.className = tone;
  mark.textContent = glyph;
  mark.setAttribute("aria-label", word);
  heading.textContent = title;
  if (words.textContent !== text) words.textContent = text;
}

function drawnLive(live) {
  if (!live) return [];
  if (live.step === "microphone") return levelMeter(live);
  return live.step === "call" ? [figures(live)] : [];
}

function levelMeter({ level_dbfs: level, peak_dbfs: peak }) {
  const [tone, word] =
    peak > -0.5 ? ["bad", "too loud"] : level > -50 ? ["ok", "you can be heard"] : ["off", "quiet: please speak"];
  const fill = made("i");
  fill.style.width = `${Math.max(0, Math.min(100, (level + 70) * 1.5))}%`;
  const said = { role: "meter", "aria-label": "Microphone level", "aria-valuemin": "-120", "aria-valuemax": "0" };
  const meter = made("div", { class: `level ${tone}`, ...said, "aria-valuenow": String(level) }, fill);
  return [meter, made("p", { class: "soft" }, `${signed(Math.round(level))} dBFS: ${word}`)];
}

function signed(value) {
  return String(value).replace("-", "−");
}

function figures(live) {
  const shown = [
    ["Round trip", live.round_trip_ms, "ms"],
    ["Lost", live.lost_percent, "%"],
    ["Jitter", live.jitter_ms, "ms"],
    ["Concealed", live.concealed_percent, "%"],
    ["Agent", live.agent_dbfs, "dBFS"],
    ["Microphone", live.microphone_dbfs, "dBFS"],
  ];
  const words = (value, unit) => {
    if (value === null) return "–";
    return `${signed(unit === "%" ? Math.round(value * 10) / 10 : Math.round(value))} ${unit}`;
  };
  const rows = shown.map(([name, value, unit]) => made("div", {}, made("dt", {}, name), made("dd", {}, words(value, unit))));
  return made("dl", { class: "figures" }, ...rows);
}

/** The end, as elements: the verdict and what to do first, what was checked after it. */
function drawnOutcome({ tone, word, headline, facts, todo, steps }) {
  const heading = made("h1", { class: "headline", tabIndex: -1 }, headline);
  const shown = facts.flatMap((fact, i) => (i ? [" · ", fact] : [facts.length > 1 ? made("code", {}, fact) : fact]));
  const list = made("ol", { class: "steps", "aria-label": "What was checked" });
  drawSteps(list, steps);
  return [
    badge(tone, word),
    heading,
    made("p", { class: "soft" }, ...shown),
    todo.length ? todoCard(todo) : "",
    made("div", { class: "card" }, made("h2", {}, "What was checked"), list),
  ].filter(Boolean);
}

function todoCard(todo) {
  const items = todo.map(({ title, remedy, press }) => {
    const heading = todo.length > 1 ? made("h3", {}, title) : ""; // alone it is the headline
    return made("li", {}, heading, made("p", {}, remedy), press ? made("p", { class: "press" }, press) : "");
  });
  return made("div", { class: "card" }, made("h2", {}, "What to do"), made("ol", { class: "todo" }, ...items));
}
