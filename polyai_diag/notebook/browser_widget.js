// The check in a notebook: a model that runs it, and views that draw what the model holds.
//
// The kernel hands over the token by a message when a check starts, never in the model's state. One
// tab runs a check; the model's state tells all others, and this one after a reload, how it goes.

const page = __CONFIG__;
const REDRAW_MS = 100;
const BEAT_MS = 1000;
const LOST_MS = 6000; // without a beat the tab that ran the check is gone
const tabs = new Map(); // by the model's key: what this tab does for it; the models given are no two the same

const IN_VS_CODE = /^vscode-/.test(location.protocol) || /\.vscode-(cdn|resource)\./.test(location.host);

/** What this tab does for one model. */
class Tab {
  constructor(model) {
    this.model = model;
    this.id = randomId();
    this.views = new Set();
    this.run = null;
    this.token = ""; // typed in here, for the check that starts next
    this.listener = (message) => this.take(message);
    model.on("msg:custom", this.listener);
    this.watched = () => this.watch();
    model.on("change:shown", this.watched);
    this.watch();
  }

  close() {
    this.stop();
    clearTimeout(this.lost);
    this.model.off("msg:custom", this.listener);
    this.model.off("change:shown", this.watched);
  }

  take({ type, ...more }) {
    if (type === "who") this.send({ type: "here" });
    else if (type === "go" && more.tab === this.id) this.start(more.run, more.options);
    else if (type === "stop") this.stop();
  }

  send(message) {
    this.model.send({ tab: this.id, ...message });
  }

  /** Run the check that the kernel has handed over, and hand back what it has seen. */
  async start(run, options) {
    if (this.run) return;
    const abort = new AbortController();
    this.run = { id: run, abort, answer: () => {}, drawn: 0 };
    const progress = (this.run.progress = new Progress());
    const beat = setInterval(() => this.show(), BEAT_MS);
    this.show();
    try {
      const hooks = { onProgress: (event) => this.follow(event), signal: abort.signal, ask: () => this.ask() };
      const result = await runCheck({ ...this.completed(options), place: "notebook", tool: page.tool }, hooks);
      const outcome = outcomeOf(result, progress.rows(), page);
      this.send({ type: "result", run, result }); // the kernel is told before anybody sees it
      this.put({ phase: "done", run, outcome });
    } catch (error) {
      this.put({ phase: "failed", run, said: `The check itself failed: ${error?.name}: ${error?.message}` });
      this.send({ type: "failed", run, said: `${error?.name}: ${error?.message}` });
    } finally {
      clearInterval(beat);
      this.run = null;
    }
  }

  /** With the token that was typed here; without one no call is placed, and no server fetched. */
  completed(options) {
    const token = options.token || this.token;
    this.token = "";
    // VS Code lets no notebook have the microphone: nobody is to blame.
    const skip = [...(options.skip ?? []), ...(IN_VS_CODE ? ["microphone"] : [])];
    if (token && options.url) return { ...options, token, skip };
    return { ...options, token, iceServers: options.iceServers ?? [], skip: [...skip, "call"] };
  }

  stop() {
    if (!this.run || this.run.abort.signal.aborted) return;
    this.run.abort.abort();
    this.run.progress.shown.status = "Stopping";
    this.show();
  }

  follow(event) {
    const { progress, abort } = this.run;
    progress.follow(event);
    if (abort.signal.aborted) progress.shown.status = "Stopping";
    if (event.state === "done" || performance.now() - this.run.drawn >= REDRAW_MS) this.show();
  }

  /** Ask whoever sits before a view; where there is none, nobody answers. */
  ask() {
    if (!this.views.size) return "";
    this.run.progress.shown.asking = true;
    this.show();
    return new Promise((resolve) => (this.run.answer = resolve));
  }

  show() {
    if (!this.run) return;
    this.run.drawn = performance.now();
    const { id, progress } = this.run;
    this.put({ phase: "running", run: id, tab: this.id, beat: Math.round(performance.now()), ...progress.shown });
  }

  put(shown) {
    this.model.set("shown", JSON.parse(JSON.stringify(shown)));
    this.model.save_changes();
  }

  /** A check that another tab runs, or ran before this page was loaded again, has to be heard of. */
  watch() {
    clearTimeout(this.lost);
    const { phase, tab, run } = this.model.get("shown");
    if (phase !== "running" || tab === this.id) return;
    this.lost = setTimeout(() => {
      this.put({ phase: "failed", run, said: "The page was closed or loaded again while the check ran. Start it again." });
      this.send({ type: "failed", run, said: "the page was closed or loaded again" });
    }, LOST_MS);
  }
}

/** One view: it draws what the model holds, and nothing of its own. */
class View {
  constructor(model, root) {
    this.model = model;
    this.tab = tabs.get(model.get("key"));
    this.root = root;
    root.className = `pd-check pd-check-notebook ${root.className}`;
    root.dataset.lmSuppressShortcuts = "true"; // JupyterLab's keys are not ours
    this.card = new ProgressCard({ onCancel: () => this.cancel(), onAnswer: (heard) => this.tab.run?.answer(heard) });
    this.body = made("div");
    root.replaceChildren(this.head(), this.body);
    this.tab.views.add(this);
    this.drawn = () => this.draw();
    model.on("change:shown change:asked", this.drawn);
    this.draw();
  }

  close() {
    this.tab.views.delete(this);
    this.model.off("change:shown change:asked", this.drawn);
  }

  head() {
    const { brand, version, system } = readBrowser({ userAgent: navigator.userAgent, touchPoints: navigator.maxTouchPoints });
    const name = `${brand} ${version.split(".")[0]} on ${NAMES[system] ?? system}`;
    const whose = "this browser, with its microphone, its speaker and its network; not the kernel's machine.";
    return made("p", { class: "whose" }, "Measures ", made("b", {}, name), `: ${whose}`);
  }

  cancel() {
    if (!takes(this.card.cancel)) return;
    this.tab.stop();
    this.tab.send({ type: "cancel" }); // another tab may be the one that runs it
  }

  draw() {
    const shown = this.model.get("shown");
    const had = this.root.contains(document.activeElement); // what has the focus keeps it in the card
    if (shown.phase === "running") this.drawRunning(shown, had);
    else {
      this.running = null;
      this.body.replaceChildren(...this.standing(shown));
      if (had) this.body.querySelector("h1, .primary")?.focus();
    }
  }

  drawRunning(shown, had) {
    if (this.running !== shown.run) {
      this.running = shown.run;
      this.body.replaceChildren(this.card.element);
      this.card.cancel.setAttribute("aria-disabled", "false");
      if (had) this.card.cancel.focus();
    }
    const asked = this.card.question.hidden && shown.asking;
    this.card.draw({ ...shown, asking: shown.asking && shown.tab === this.tab.id });
    if (asked && (had || document.activeElement === document.body)) this.card.yes.focus();
  }

  standing({ phase, said, outcome }) {
    if (phase === "done") return [...drawnOutcome(outcome), made("div", { class: "buttons" }, this.again())];
    const failed = phase === "failed" ? [made("p", { class: "alert", role: "alert" }, said)] : [];
    return [...failed, this.intro()];
  }

  again() {
    return button("Check again", ({ target }) => {
      if (this.model.get("asked").has_token || !this.model.get("asked").where) this.begin(target);
      else this.body.replaceChildren(this.intro()); // the token is asked for anew
    });
  }

  intro() {
    const { where, has_token: known } = this.model.get("asked");
    const speak = IN_VS_CODE ? "" : "The browser will ask for the microphone: allow it, and speak. ";
    const form = made("form", { class: "card", autocomplete: "off", onsubmit: (event) => this.submit(event) });
    form.append(made("h2", {}, "Is this browser ready for voice calls?"), made("p", { class: "soft" }, `${speak}${promise(where, known)}`));
    form.append(...hindrances(), ...(where && !known ? [this.tokenField()] : []));
    form.append(made("div", { class: "buttons" }, made("button", { type: "submit", class: "primary" }, "Start the check")));
    return form;
  }

  tokenField() {
    this.typed = made("input", { type: "password", autocomplete: "off", spellcheck: false });
    const hint = made("span", { class: "hint" }, "Stays in this browser: not in the notebook, not with the kernel.");
    return made("label", { class: "field" }, "Token", this.typed, hint);
  }

  submit(event) {
    event.preventDefault();
    if (this.typed) [this.tab.token, this.typed.value] = [this.typed.value, ""];
    this.begin(event.target.querySelector(".primary"));
  }

  begin(pressed) {
    if (!takes(pressed)) return;
    this.tab.send({ type: "here", pressed: true });
    setTimeout(() => pressed.setAttribute("aria-disabled", "false"), LOST_MS); // where no kernel answers
  }
}

/** Take a press once; a button that is `disabled` would lose the focus, and the keyboard its place. */
function takes(pressed) {
  if (pressed.getAttribute("aria-disabled") === "true") return false;
  pressed.setAttribute("aria-disabled", "true");
  return true;
}

function promise(where, known) {
  if (!where) return "No call is placed: that takes a gateway.";
  const agent = "An agent may answer: a headset keeps its voice out of the microphone.";
  const without = known ? "" : " Without a token no call is placed, and the rest is checked.";
  return `One real call to ${where} is placed for a few seconds. ${agent}${without}`;
}

/** What stands in the way from the outset, and what to do about it. */
function hindrances() {
  const said = [];
  if (IN_VS_CODE) {
    const page = "For the microphone make the page, and open it in a browser: ";
    said.push(made("p", { class: "press" }, "VS Code gives no notebook the microphone; all else is checked here. ", page, made("code", {}, "polyai-diag page -o check.html")));
  } else if (!globalThis.isSecureContext) {
    const how = "Open JupyterLab by https, or through a tunnel as localhost: ";
    said.push(made("p", { class: "press" }, "This page is not served securely, so the browser keeps the microphone. ", how, made("code", {}, `ssh -L ${location.port || 8888}:localhost:${location.port || 8888} ${location.hostname}`)));
  }
  return said;
}

export default {
  initialize({ model }) {
    const key = model.get("key");
    tabs.set(key, new Tab(model));
    return () => {
      tabs.get(key).close();
      tabs.delete(key);
    };
  },
  render({ model, el }) {
    const view = new View(model, el);
    return () => view.close();
  },
};
