// The page around the check: its form, and how the result is sent back.

const page = JSON.parse(document.getElementById("config").textContent);
const $ = (id) => document.getElementById(id);
let abort = null;
let answer = () => {};

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

// --- the check ----------------------------------------------------------------------------------

const card = new ProgressCard({ onCancel: cancel, onAnswer: (heard) => answer(heard) });
$("progress").append(card.element);

async function start(options) {
  abort = new AbortController();
  const progress = new Progress();
  const draw = () => card.draw(progress.shown);
  for (const id of ["form", "intro", "result"]) $(id).hidden = true;
  $("progress").hidden = false;
  card.cancel.disabled = false;
  draw();
  card.cancel.focus();
  const onProgress = (event) => {
    progress.follow(event);
    if (abort.signal.aborted) progress.shown.status = "Stopping";
    draw();
  };
  const ask = () => {
    progress.shown.asking = true;
    draw();
    card.yes.focus();
    return new Promise((resolve) => (answer = resolve));
  };
  const result = await runCheck({ ...options, place: "page", tool: page.tool }, { onProgress, signal: abort.signal, ask });
  $("progress").hidden = true;
  showResult(result, progress.rows());
}

function cancel() {
  abort?.abort();
  card.cancel.disabled = true;
  card.status.textContent = "Stopping";
}

// --- result -------------------------------------------------------------------------------------

function showResult(result, rows) {
  const outcome = outcomeOf(result, rows, page);
  const drawn = drawnOutcome(outcome);
  const headline = drawn.find((element) => element.className === "headline");
  headline.id = "headline";
  const section = $("result");
  section.replaceChildren(...drawn, sendCard(result, outcome.headline), made("div", { class: "buttons" }, again()));
  section.hidden = false;
  headline.focus();
}

function sendCard(result, headline) {
  const text = `${headline}\n${result.started} · ${result.call.call_sid}\n\n${asText(result)}`;
  const box = made("textarea", { id: "text", readOnly: true, rows: 6, value: text, "aria-label": "The report as text" });
  const save = button("Save the report", () => saveFile(result), { class: "primary" });
  const copy = button("Copy it as text", () => copyText(copy, box));
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

async function copyText(pressed, box) {
  try {
    await navigator.clipboard.writeText(box.value);
    pressed.textContent = "Copied";
  } catch {
    box.closest("details").open = true;
    box.focus();
    box.select();
    pressed.textContent = "Selected: copy it now";
  }
}

function again() {
  return button("Check again", () => {
    $("result").hidden = true;
    for (const id of ["form", "intro"]) $(id).hidden = false;
    $("token").focus();
  });
}

document.documentElement.dataset.ready = "yes"; // browser_old.js looks for it
