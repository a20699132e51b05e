// The page around the check: its form, its progress, its result in words.

const page = JSON.parse(document.getElementById("config").textContent);
const $ = (id) => document.getElementById(id);
const MARKS = { ok: ["✓", "fine"], warn: ["!", "attention"], bad: ["✕", "fails"], run: ["…", "running"], off: ["–", "waiting"] };
const ALWAYS_BAD =
  /^(insecure-context|microphone-(denied|missing|busy|silent)|playback-blocked|token-|request-|browser-blocks-webrtc$)/;
let abort = null;
const latest = new Map(); // what was measured last, by step

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

function badge(tone, word) {
  return made("span", { class: `badge ${tone}` }, made("i", { "aria-hidden": "true" }, MARKS[tone][0]), word);
}

// --- the form -----------------------------------------------------------------------------------

$("elsewhere").hidden = !readBrowser({ userAgent: navigator.userAgent }).embedded;

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const bad = readLines().find((url) => !readIceUrl(url));
  $("ice").setCustomValidity(bad ? `${bad}: stun:HOST:PORT or turn:HOST:PORT?transport=tcp is wanted` : "");
  if (bad) $("servers").open = true;
  if (event.target.reportValidity()) start(readForm());
});
$("ice").addEventListener("input", () => $("ice").setCustomValidity(""));

function readLines() {
  return $("ice").value.split(/\s+/).filter(Boolean);
}

/** Read the form, and leave no secret in it. */
function readForm() {
  const [username, credential] = [$("username").value, $("credential").value];
  const servers = readLines().map((url) => ({ urls: url, username, credential }));
  const token = $("token").value;
  $("token").value = $("credential").value = "";
  const without = token ? {} : { iceServers: servers, skip: ["call"] };
  return { url: $("url").value.trim(), token, iceServers: servers.length ? servers : null, ...without };
}

async function start(options) {
  abort = new AbortController();
  for (const id of ["form", "intro", "result"]) $(id).hidden = true;
  $("progress").hidden = false;
  drawSteps($("steps"), STEPS.map(([name, title]) => ({ name, title, tone: "off", text: MARKS.off[1] })));
  $("cancel").disabled = false;
  $("cancel").focus();
  const shown = new Map();
  const hooks = { onProgress: (event) => follow(event, shown), signal: abort.signal, ask: askPerson };
  const result = await runCheck({ ...options, place: "page", tool: page.tool }, hooks);
  $("progress").hidden = true;
  showResult(result, shown);
}

$("cancel").addEventListener("click", () => {
  abort?.abort();
  $("cancel").disabled = true;
  $("status").textContent = "Stopping";
});

// --- progress -----------------------------------------------------------------------------------

const SHARE = { browser: 2, microphone: 25, webrtc: 5, servers: 20, call: 33, speaker: 15 };

function follow({ step, state, text, fraction, live, seen }, shown) {
  const row = $("steps").querySelector(`[data-step="${step}"]`);
  if (state === "done") {
    const [tone, words] = judgeStep(step, seen, latest.get(step));
    shown.set(step, { tone, words });
    drawStep(row, tone, words);
    $("live").hidden = true;
    $("question").hidden = true;
  } else {
    drawStep(row, "run", text || MARKS.run[1]);
    if ($("status").textContent !== text && !abort.signal.aborted) $("status").textContent = text;
    drawLive(step, live);
    if (live) latest.set(step, live);
  }
  drawBar(step, state === "done" ? 1 : fraction ?? 0);
}

function drawBar(step, fraction) {
  const names = STEPS.map(([name]) => name);
  const before = names.slice(0, names.indexOf(step)).reduce((sum, name) => sum + SHARE[name], 0);
  const percent = Math.round(before + SHARE[step] * Math.min(1, fraction));
  const bar = document.querySelector(".bar");
  bar.firstElementChild.style.width = `${percent}%`;
  bar.setAttribute("aria-valuenow", percent);
}

function drawSteps(list, rows) {
  list.replaceChildren(
    ...rows.map(({ name, title, tone, text }) => {
      const row = made("li", { "data-step": name }, made("i"), made("b", {}, title), made("span"));
      drawStep(row, tone, text);
      return row;
    }),
  );
}

function drawStep(row, tone, text) {
  row.className = tone;
  const [glyph, word] = MARKS[tone];
  row.querySelector("i").replaceChildren(glyph);
  row.querySelector("i").setAttribute("aria-label", word);
  row.querySelector("i").setAttribute("role", "img");
  row.querySelector("span").textContent = text;
}

function drawLive(step, live) {
  $("live").hidden = !live;
  if (!live) return;
  if (step === "microphone") $("live").replaceChildren(...levelMeter(live));
  else if (step === "call") $("live").replaceChildren(figures(live));
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

function askPerson() {
  $("question").hidden = false;
  const buttons = [...$("question").querySelectorAll("button")];
  buttons[0].focus();
  return new Promise((resolve) => {
    for (const button of buttons) button.onclick = () => resolve(button.dataset.heard);
  });
}

// --- what a step saw, in words ------------------------------------------------------------------

function judgeStep(step, seen, live) {
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

// --- result -------------------------------------------------------------------------------------

function showResult(result, shown) {
  const causes = shownCauses(result);
  const [tone, word, headline] = verdict(result, causes, shown);
  const rows = STEPS.map(([name, title]) => {
    const { tone, words } = shown.get(name) ?? { tone: "off", words: "not reached" };
    return { name, title, tone, text: words };
  });
  const list = made("ol", { class: "steps", "aria-label": "What was checked" });
  drawSteps(list, rows);
  const section = $("result");
  section.replaceChildren(
    badge(tone, word),
    made("h1", { id: "headline", tabIndex: -1 }, headline),
    made("p", { class: "soft" }, ...facts(result)),
    causes.length ? todo(result, causes) : "",
    made("div", { class: "card" }, made("h2", {}, "What was checked"), list),
    sendCard(result, headline),
    made("div", { class: "buttons" }, again()),
  );
  section.hidden = false;
  $("headline").focus();
}

function verdict(result, causes, shown) {
  const broken = result.errors.length > 0;
  const connected = result.observations.some(({ operation, failure }) => operation === "dtls_handshake" && !failure);
  const called = result.observations.some(({ operation }) => operation === "websocket_upgrade" || operation === "tcp_connect");
  const bad = causes.filter((id) => ALWAYS_BAD.test(id) || (called && !connected));
  const title = (id) => page.causes[id]?.title ?? id;
  if (bad.length) return ["bad", "A call does not work as it should", title(bad[0])];
  if (result.ended === "cancelled") return ["warn", "Stopped", "The check was stopped before its end"];
  if (causes.length) return ["warn", connected ? "A call works, with warnings" : "Attention", title(causes[0])];
  if (broken) return ["warn", "Not complete", "A part of the check itself failed"];
  const failed = [...shown.values()].some(({ tone }) => tone === "bad");
  if (failed) return ["bad", "Something failed", "Something failed that has no name yet: send the report back"];
  const weak = [...shown.values()].find(({ tone }) => tone === "warn");
  if (weak) return ["warn", "Nearly all is well", sentence(weak.words)];
  if (!connected) return ["ok", "Nothing wrong found", "Nothing wrong was found; no call was placed"];
  return ["ok", "All is well", "This browser is ready for voice calls"];
}

function sentence(words) {
  return words[0].toUpperCase() + words.slice(1);
}

function facts({ started, call, browser, target }) {
  const when = `${started.slice(0, 10)} ${started.slice(11, 19)} UTC`;
  const parts = [call.call_sid, call.session_id ? `session ${call.session_id}` : null, hostOf(target.url), when];
  const shown = parts.filter(Boolean).flatMap((part, i) => (i ? [" · ", part] : [made("code", {}, part)]));
  return browser ? shown : [when];
}

function todo(result, causes) {
  const items = causes.map((id) => {
    const { title, remedy } = page.causes[id] ?? { title: id, remedy: "" };
    const press = adviceFor(id, result.observations, result.browser, page);
    const heading = causes.length > 1 ? made("h3", {}, title) : ""; // alone it is the headline
    const children = [heading, made("p", {}, remedy), press ? made("p", { class: "press" }, press) : ""];
    return made("li", {}, ...children);
  });
  return made("div", { class: "card" }, made("h2", {}, "What to do"), made("ol", { class: "todo" }, ...items));
}

function sendCard(result, headline) {
  const text = `${headline}\n${result.started} · ${result.call.call_sid}\n\n${asText(result)}`;
  const box = made("textarea", { id: "text", readOnly: true, rows: 6, value: text, "aria-label": "The report as text" });
  const save = made("button", { type: "button", class: "primary" }, "Save the report");
  save.onclick = () => saveFile(result);
  const copy = made("button", { type: "button" }, "Copy it as text");
  copy.onclick = () => copyText(copy, box);
  const held = "It holds network addresses and the names of the microphones; no token, no password, no sound.";
  return made("div", { class: "card" }, made("h2", {}, "Send the result back"),
    made("p", {}, "Send the file to whoever gave you this page. Where no file can be sent, send the text. "),
    made("p", { class: "hint" }, held), made("div", { class: "buttons" }, save, copy),
    made("details", {}, made("summary", {}, "The text"), box));
}

function saveFile(result) {
  const url = URL.createObjectURL(new Blob([JSON.stringify(result, null, 1)], { type: "application/json" }));
  const name = `browser-check-${result.started.slice(0, 16).replace(/[T:]/g, "-")}.json`;
  made("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

async function copyText(button, box) {
  try {
    await navigator.clipboard.writeText(box.value);
    button.textContent = "Copied";
  } catch {
    box.closest("details").open = true;
    box.focus();
    box.select();
    button.textContent = "Selected: copy it now";
  }
}

function again() {
  const button = made("button", { type: "button" }, "Check again");
  button.onclick = () => {
    $("result").hidden = true;
    for (const id of ["form", "intro"]) $(id).hidden = false;
    $("token").focus();
  };
  return button;
}

document.documentElement.dataset.ready = "yes"; // browser_old.js looks for it
