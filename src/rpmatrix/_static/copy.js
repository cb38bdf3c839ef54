// Puts a button on each block of a panel that is there to be copied. Without this the panel shows
// and does the same, and one click still selects the whole block.

const WORDS = { idle: "Copy", done: "Copied", failed: "Press Ctrl+C" };

async function copy(block) {
  getSelection().selectAllChildren(block);
  try {
    await navigator.clipboard.writeText(block.textContent);
    return true;
  } catch {
    // A page that did not come over a secure connection has no clipboard, but still this.
    return document.execCommand("copy");
  }
}

function equip(block) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "rpm-copy";
  button.textContent = WORDS.idle;
  button.setAttribute("aria-label", `Copy: ${block.getAttribute("aria-label")}`);
  button.addEventListener("click", async () => {
    const done = await copy(block);
    button.textContent = done ? WORDS.done : WORDS.failed;
    button.setAttribute("aria-label", button.textContent);
    setTimeout(() => {
      button.textContent = WORDS.idle;
      button.setAttribute("aria-label", `Copy: ${block.getAttribute("aria-label")}`);
    }, 2000);
  });
  const frame = document.createElement("div");
  frame.className = "rpm-copyable";
  frame.setAttribute("aria-live", "polite");
  // JupyterLab would take Enter and Space for commands of its own.
  frame.dataset.lmSuppressShortcuts = "true";
  block.replaceWith(frame);
  frame.append(block, button);
}

function equipAll(panel) {
  panel.querySelectorAll(".rpm pre:not(.rpm-copyable > pre)").forEach(equip);
}

function render({ el }) {
  const watcher = new MutationObserver(() => equipAll(el.closest(".rpm-panel")));
  let waiting = 0;
  // An element is made before it stands in the page.
  const start = () => {
    const panel = el.closest(".rpm-panel");
    if (!panel) {
      waiting = requestAnimationFrame(start);
      return;
    }
    equipAll(panel);
    watcher.observe(panel, { childList: true, subtree: true });
  };
  start();
  return () => {
    cancelAnimationFrame(waiting);
    watcher.disconnect();
  };
}

export default { render };
