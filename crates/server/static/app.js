// Makes pages quicker; each works without it, because buttons are links and forms first.
const root = document.documentElement;
const find = (selector, within = document) => within.querySelector(selector);
const parse = (html) => new DOMParser().parseFromString(html, "text/html");

// Says something to everyone: shown as a toast, read out as a status.
let hush;
function say(text) {
  const box = find("#say");
  // A modal dialog hides the rest of the page, so the toast moves into it.
  (find("dialog[open]") ?? document.body).append(box);
  box.textContent = text;
  clearTimeout(hush);
  hush = setTimeout(() => { box.textContent = ""; }, 5000);
}

function copied(button, text = "Copied") {
  const use = find("use", button);
  if (use && !button.classList.contains("did")) {
    const old = use.getAttribute("href");
    use.setAttribute("href", old.replace(/#.*/, "#check"));
    button.classList.add("did");
    setTimeout(() => { use.setAttribute("href", old); button.classList.remove("did"); }, 2000);
  }
  say(text);
}

// Where the page is not served over TLS there is no clipboard object; select and use the old command.
function copyShown(element) {
  getSelection().selectAllChildren(element);
  return document.execCommand("copy");
}

// The command with the reader's own key in it, which is in this page only: neither shown nor sent.
function textToCopy(button, element) {
  const key = button.dataset.copyKey && find(button.dataset.copyKey)?.value.trim();
  const text = element.textContent.trim();
  return key ? text.replaceAll("YOUR_API_KEY", () => key) : text;
}

async function copyElement(button) {
  const element = find(button.dataset.copy);
  const text = textToCopy(button, element);
  const withKey = text !== element.textContent.trim();
  try {
    await navigator.clipboard.writeText(text);
    copied(button, withKey ? "Copied with your key" : "Copied");
  } catch {
    if (!withKey && copyShown(element)) copied(button);
    else if (withKey) say("The clipboard is not available here; copy the line and put the key in yourself");
    else say("Press Ctrl+C or Cmd+C to copy");
  }
}

// Fetches a secret; it goes to the clipboard and nowhere else.
async function reveal(url) {
  const answer = await fetch(url, { method: "POST", headers: { accept: "application/json" } });
  const body = await answer.json().catch(() => ({}));
  if (answer.ok) return body.key;
  if (answer.status === 403 && body.code === "confirm_password") {
    location.href = "/confirm?next=" + encodeURIComponent(location.pathname + location.search);
  }
  throw new Error(body.message ?? "The key could not be copied");
}

async function copyRevealed(button) {
  // Without a clipboard the form's own page shows the key.
  if (!navigator.clipboard) return button.form.submit();
  let problem;
  const key = reveal(button.dataset.revealUrl).catch((error) => { problem = error; throw error; });
  try {
    if (window.ClipboardItem) {
      // Safari lets a click write only if the write starts at once, so the promise itself is handed over.
      const blob = key.then((text) => new Blob([text], { type: "text/plain" }));
      await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    } else {
      await navigator.clipboard.writeText(await key);
    }
    copied(button, "API key copied");
  } catch {
    if (problem) say(problem.message);
    else button.form.submit();
  }
}

// Shows the linked page's [data-dialog-body] as a dialog; on anything unexpected, the page itself.
async function openDialog(link) {
  try {
    const answer = await fetch(link.href);
    const body = find("[data-dialog-body]", parse(await answer.text()));
    if (!answer.ok || answer.redirected || !body) throw new Error();
    const dialog = find("#dialog");
    document.body.append(find("#say"));
    dialog.replaceChildren(body);
    dialog.setAttribute("aria-label", find("h1, h2", body)?.textContent ?? "");
    dialog.showModal();
    (find("[autofocus]", dialog) ?? find("input, button", dialog))?.focus();
  } catch {
    location.href = link.href;
  }
}

addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  const at = event.target.closest("[data-copy], [data-reveal-url], [data-dialog], [data-close], [data-theme-toggle]");
  const dialog = find("#dialog");
  if (event.target === dialog) return dialog.close();
  if (!at || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const { dataset } = at;
  if (dataset.copy) copyElement(at);
  else if (dataset.themeToggle !== undefined) {
    const dark = getComputedStyle(root).colorScheme === "dark"
      || (root.dataset.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
    root.dataset.theme = dark ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* for this page only, then */ }
  } else if (dataset.close !== undefined) {
    if (!dialog.open) return;
    event.preventDefault();
    dialog.close();
  } else {
    event.preventDefault();
    if (dataset.revealUrl) copyRevealed(at);
    else openDialog(at);
  }
});

// A form whose answer is a page like this one follows each choice at once; focus stays where it was.
addEventListener("change", async (event) => {
  const form = event.target.closest("form[data-follow]");
  if (!form || !event.target.name) return;
  const url = form.action + "?" + new URLSearchParams(new FormData(form));
  try {
    const page = parse(await (await fetch(url)).text());
    const fresh = page.getElementById("line");
    if (!fresh) throw new Error();
    find("#line").replaceWith(fresh);
    history.replaceState(null, "", url);
    say("The line is up to date");
  } catch {
    form.requestSubmit();
  }
});

addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && event.target.closest("details.menu[open]");
  if (menu) {
    menu.open = false;
    find("summary", menu).focus();
  }
});

// "3 minutes ago" stays true, and the tooltip adds the reader's own zone.
const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const units = [["year", 31536e6], ["month", 2592e6], ["day", 864e5], ["hour", 36e5], ["minute", 6e4]];
function refreshTimes() {
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const at = new Date(time.dateTime);
    if (isNaN(at)) continue;
    const left = at - Date.now();
    const [unit, size] = units.find(([, size]) => Math.abs(left) >= size) ?? [];
    time.textContent = unit ? words.format(Math.round(left / size), unit) : left > 0 ? "in a moment" : "just now";
    time.dataset.utc ??= time.title;
    time.title = at.toLocaleString() + " here · " + time.dataset.utc;
  }
}

// A run in progress: its [data-live] parts are renewed, at its end the whole page.
async function refreshLive() {
  const parts = document.querySelectorAll("[data-live]");
  if (!parts.length || document.hidden) return;
  const page = parse(await (await fetch(location.href)).text());
  if (!find("[data-live]", page)) return location.reload();
  for (const part of parts) {
    const fresh = page.getElementById(part.id);
    if (fresh) part.replaceWith(fresh);
  }
  refreshTimes();
}

refreshTimes();
setInterval(refreshTimes, 30000);
setInterval(() => refreshLive().catch(() => {}), 4000);
