// What HTML in a widget cannot do by itself, for scripts in it do not run: its Copy buttons,
// and words for a screen reader in an element that stays (ARIA 1.2, live regions).

const ANSWER_MS = 4000;

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

function render({ model, el }) {
  el.classList.add("polyai-diag-aids");
  const region = document.createElement("div");
  region.setAttribute("role", "status");
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
    if (!button || !el.closest(".polyai-diag-panel")?.contains(button)) return;
    const found = textOf(button);
    if (found) answer(button, (await copy(found)) ? "✓ Copied" : "Selected: press Ctrl+C");
  };
  document.addEventListener("click", clicked);
  return () => {
    document.removeEventListener("click", clicked);
    model.off("change:said", said);
  };
}

export default { render };
