// What HTML in a widget cannot do by itself, for scripts in it do not run: its Copy buttons, words
// for a screen reader in an element that stays (ARIA 1.2, live regions), and keys that are its own.

const ANSWER_MS = 4000;
const SETTLED_MS = 100; // buttons change one after the other

/** The text that a Copy button stands for: the one text within the same frame. */
function textOf(button) {
  const holder = button.closest("[data-copied]")?.querySelector("textarea, pre");
  return holder ? { holder, text: holder.value ?? holder.textContent } : null;
}

/** Copy by whatever this browser allows; false where nothing does, and then it is selected. */
async function copy({ holder, text }) {
  try {
    await navigator.clipboard.writeText(text); // a secure context, and permitted
    return true;
  } catch {
    for (let fold = holder.closest("details"); fold; fold = fold.parentElement.closest("details")) {
      fold.open = true;
    }
    holder.focus();
    if (holder.select) holder.select();
    else getSelection().selectAllChildren(holder);
    return document.execCommand("copy"); // old, and works where the page came by plain http
  }
}

/** Keep the notebook's one-key commands away from fields and tabs; Ctrl+S and the like stay. */
function ownKeys({ target, ctrlKey, metaKey, key }) {
  const command = (ctrlKey || metaKey) && key.length === 1 && !target.matches("textarea, input");
  // Lumino looks at the element itself first, then at those around it.
  target.toggleAttribute("data-lm-suppress-shortcuts", !command);
}

/** Where a button was pressed that cannot be pressed any more, go on at its neighbour. */
function keepFocus(button) {
  if (button?.isConnected && button.disabled && document.activeElement === document.body) {
    button.parentElement.querySelector("button:not(:disabled)")?.focus();
  }
}

function render({ model, el }) {
  const ends = new AbortController();
  const { signal } = ends;
  const panel = () => el.closest(".polyai-diag-panel");
  const region = document.createElement("div");
  region.setAttribute("role", "status");
  el.classList.add("polyai-diag-aids");
  el.append(region);

  const say = (text) => { region.textContent = text; };
  const said = () => say(model.get("said"));
  said();
  model.on("change:said", said);

  const answer = (button, text) => {
    button.dataset.label ??= button.textContent;
    button.textContent = text;
    say(text);
    setTimeout(() => { button.textContent = button.dataset.label; }, ANSWER_MS);
  };
  const clicked = async ({ target }) => {
    const button = target.closest?.("button.pd-copy");
    const found = button && panel()?.contains(button) ? textOf(button) : null;
    if (found) answer(button, (await copy(found)) ? "✓ Copied" : "Selected: press Ctrl+C");
  };

  let pressed = null; // the button that was focused last
  const focused = ({ target }) => {
    pressed = panel()?.contains(target) ? target.closest("button") : null;
  };
  const watch = new MutationObserver(() => setTimeout(() => keepFocus(pressed), SETTLED_MS));
  requestAnimationFrame(() => {
    const changes = { attributes: true, attributeFilter: ["disabled"], subtree: true };
    if (panel() && !signal.aborted) watch.observe(panel(), changes);
  });

  document.addEventListener("click", clicked, { signal });
  document.addEventListener("focusin", focused, { signal });
  // JupyterLab listens in the document, captures, and is met before it.
  const keyed = (event) => { if (panel()?.contains(event.target)) ownKeys(event); };
  window.addEventListener("keydown", keyed, { capture: true, signal });
  return () => {
    ends.abort();
    watch.disconnect();
    model.off("change:said", said);
  };
}

export default { render };
