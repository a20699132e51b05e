// What the check shows, as plain data, in Node; CHECK names the module with the view in it.

import assert from "node:assert/strict";
import test from "node:test";

const check = await import(process.env.CHECK);

const saw = (operation, failure = null, notes = {}, step = "browser") =>
  ({ step, operation, endpoint: "e", started_ms: 0, duration_ms: 1, failure, notes });
const NAMES = check.STEPS.map(([name]) => name);
const page = {
  causes: {
    "microphone-denied": { title: "Denied", remedy: "Allow it." },
    "udp-blocked": { title: "Blocked", remedy: "Open it." },
  },
  advice: { "allow-in-browser": { chrome: "Press the icon." } },
  situations: {}, denials: { "": "allow-in-browser" }, embedded: "in an app",
};

function result(observations, more = {}) {
  return {
    started: "2026-03-01T12:00:00.000Z", ended: "finished", errors: [], statistics: [], observations,
    browser: { name: "chrome", system: "linux" }, target: { url: "wss://h/x" },
    call: { call_sid: "sid", session_id: null }, ...more,
  };
}

test("progress starts with every step waiting, and moves on", () => {
  const progress = new check.Progress();
  assert.deepEqual(progress.shown.steps.map(({ name, tone }) => [name, tone]), NAMES.map((name) => [name, "off"]));
  const before = progress.shown.steps;
  progress.follow({ step: "microphone", state: "running", text: "Please speak", fraction: 0.5, live: { level_dbfs: -20, peak_dbfs: -9 } });
  assert.equal(progress.shown.status, "Please speak");
  assert.deepEqual(progress.shown.live, { step: "microphone", level_dbfs: -20, peak_dbfs: -9 });
  assert.equal(progress.shown.steps[1].tone, "run");
  assert.equal(before[1].tone, "off"); // what was handed out is not changed
  const half = progress.shown.percent;
  progress.follow({ step: "microphone", state: "done", text: "", fraction: null, seen: [saw("microphone_open", "device_missing")] });
  assert.ok(progress.shown.percent > half);
  assert.equal(progress.shown.live, null);
  assert.deepEqual([progress.shown.steps[1].tone, progress.shown.steps[1].text], ["bad", "none was found"]);
});

test("progress ends at a hundred, and what was not begun was not reached", () => {
  const progress = new check.Progress();
  for (const step of NAMES.slice(0, 2)) progress.follow({ step, state: "done", text: "", fraction: null, seen: [] });
  assert.deepEqual(progress.rows().slice(2).map(({ text }) => text), NAMES.slice(2).map(() => "not reached"));
  assert.notEqual(progress.rows()[0].text, "not reached");
  for (const step of NAMES) progress.follow({ step, state: "done", text: "", fraction: null, seen: [] });
  assert.equal(progress.shown.percent, 100);
});

test("what is shown is data alone", () => {
  const progress = new check.Progress();
  progress.follow({ step: "browser", state: "done", text: "", fraction: null, seen: [saw("secure_context")] });
  assert.deepEqual(JSON.parse(JSON.stringify(progress.shown)), progress.shown);
  const outcome = check.outcomeOf(result([]), progress.rows(), page);
  assert.deepEqual(JSON.parse(JSON.stringify(outcome)), outcome);
});

test("a step that was stopped says so", () => {
  assert.deepEqual(check.judgeStep("call", [saw("ice_connect", "interrupted")]), ["off", "stopped"]);
});

test("one server of two that fails is a warning, all of them a failure", () => {
  const [good, bad] = [saw("stun_binding", null, {}, "stun"), saw("stun_binding", "generic_timeout", {}, "stun")];
  assert.equal(check.judgeStep("servers", [good, bad])[0], "warn");
  assert.equal(check.judgeStep("servers", [bad])[0], "bad");
  assert.match(check.judgeStep("servers", [good, bad])[1], /^1 of 2 answer/);
});

test("the outcome names the cause, what to do and what to press", () => {
  const seen = [saw("microphone_open", "permission_denied", { denied_by: "person" })];
  const outcome = check.outcomeOf(result(seen), [], page);
  assert.deepEqual([outcome.tone, outcome.headline], ["bad", "Denied"]);
  assert.deepEqual(outcome.todo, [{ title: "Denied", remedy: "Allow it.", press: "Press the icon." }]);
  assert.deepEqual(outcome.facts, ["sid", "h", "2026-03-01 12:00:00 UTC"]);
});

for (const [name, observations, more, rows, tone, headline] of [
  ["a call that works", [saw("dtls_handshake")], {}, [], "ok", "This browser is ready for voice calls"],
  ["no call placed", [], {}, [], "ok", "Nothing wrong was found; no call was placed"],
  ["one that was stopped", [], { ended: "cancelled" }, [], "warn", "The check was stopped before its end"],
  ["an error of ours", [], { errors: [{}] }, [], "warn", "A part of the check itself failed"],
  ["a failure without a name", [], {}, [{ tone: "bad", text: "x" }], "bad", "Something failed that has no name yet: send the report back"],
  ["a weak spot", [], {}, [{ tone: "warn", text: "too quiet" }], "warn", "Too quiet"],
]) {
  test(`the outcome of ${name}`, () => {
    const outcome = check.outcomeOf(result(observations, more), rows, page);
    assert.deepEqual([outcome.tone, outcome.headline], [tone, headline]);
  });
}
