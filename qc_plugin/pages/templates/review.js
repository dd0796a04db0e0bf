"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector, from = document) => Array.from(from.querySelectorAll(selector));
  const one = (selector, from = document) => from.querySelector(selector);
  const { schema, records, words } = JSON.parse(one("#data").textContent);
  const DECISIONS = ["accept", "deblur", "review", "reject"];

  // Kept where the browser allows it (a page in a mail program may not), under the reports it speaks of.
  const place = "qc-review-" + [...new Set(Object.values(records).map((r) => r.asset_id.slice(0, 12) + r.judge_key.slice(0, 12)))].sort().join();
  const keep = (key, value) => { try { localStorage.setItem(key, value); } catch { /* not kept */ } };
  const kept = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  if (["light", "dark"].includes(kept("qc-sheet-theme"))) root.dataset.theme = kept("qc-sheet-theme");
  const theme = () => { root.dataset.theme = isDark() ? "light" : "dark"; keep("qc-sheet-theme", root.dataset.theme); };
  const help = () => one("#help").showModal();
  const close = () => all("dialog[open]").forEach((dialog) => dialog.close());

  const queue = one("#queue");
  if (!queue) { // nothing to decide
    document.addEventListener("click", (event) => {
      const button = event.target.closest("[data-act]");
      if (button) ({ theme, help, close })[button.dataset.act]();
    });
    return;
  }

  const items = new Map(all(".item").map((element) => [element.dataset.item, element]));
  const thumbs = new Map(all("li", queue).map((element) => [element.dataset.item, element]));
  const order = [...items.keys()]; // by asset and time, as written
  let decided = new Map();
  let history = [];
  let shown = [];
  let current = null;
  let saved = true;

  const icon = (name) => {
    const ns = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(ns, "svg");
    svg.setAttribute("class", "icon");
    svg.setAttribute("viewBox", "0 0 16 16");
    svg.setAttribute("aria-hidden", "true");
    svg.append(document.createElementNS(ns, "use"));
    svg.firstChild.setAttribute("href", "#i-" + name);
    return svg;
  };
  let hush = 0;
  const say = (text) => {
    const toast = one("#toast");
    toast.textContent = text;
    toast.hidden = false;
    clearTimeout(hush);
    hush = setTimeout(() => { toast.hidden = true; }, 5000);
  };

  // Filter and sort
  const choice = (id) => (one("#" + id) || { value: "" }).value;
  const fits = (id) => {
    const { asset, reasons } = thumbs.get(id).dataset;
    const mine = decided.get(id), state = choice("state");
    return (!choice("asset") || asset === choice("asset"))
      && (!choice("reason") || JSON.parse(reasons).includes(choice("reason")))
      && (!state || (state === "open" ? !mine : state === "differs" ? mine && mine !== records[id].suggested : mine === state));
  };
  const keys = {
    close: (id) => [Number(thumbs.get(id).dataset.close)],
    worst: (id) => thumbs.get(id).dataset.worst.split(" ").map(Number),
    time: () => [],
  };
  const refresh = () => {
    const key = keys[choice("sort")];
    const compare = (a, b) => {
      const left = key(a), right = key(b);
      for (let i = 0; i < left.length; i += 1) if (left[i] !== right[i]) return left[i] - right[i];
      return order.indexOf(a) - order.indexOf(b);
    };
    const sorted = [...order].sort(compare);
    shown = sorted.filter(fits);
    const visible = new Set(shown);
    sorted.forEach((id) => {
      thumbs.get(id).hidden = !visible.has(id);
      queue.append(thumbs.get(id));
      items.get(id).classList.toggle("filtered", !visible.has(id));
      one("#items").append(items.get(id)); // paper follows the same order
    });
    one("#shown").textContent = `${shown.length} of ${order.length} frames`;
    one("#nothing").hidden = shown.length > 0;
    one(".decide").hidden = one(".steps").hidden = shown.length === 0;
  };

  // One frame at a time
  const zoom = () => {
    const svg = one(".frame", items.get(current));
    const full = svg.dataset.full || (svg.dataset.full = svg.getAttribute("viewBox"));
    const on = root.classList.contains("zoomed") && svg.dataset.zoom;
    if (!on) { svg.setAttribute("viewBox", full); return; }
    const [x, y, w, h] = svg.dataset.zoom.split(" ").map(Number);
    const [, , width, height] = full.split(" ").map(Number);
    const scale = Math.min(1, Math.max((1.5 * w) / width, (1.5 * h) / height)); // the whole region and its surroundings
    const left = Math.min(width * (1 - scale), Math.max(0, x + w / 2 - (width * scale) / 2));
    const top = Math.min(height * (1 - scale), Math.max(0, y + h / 2 - (height * scale) / 2));
    svg.setAttribute("viewBox", [left, top, width * scale, height * scale].map((n) => n.toFixed(1)).join(" "));
  };
  const go = (id, focus = true) => {
    current = id;
    items.forEach((element, key) => element.classList.toggle("current", key === id));
    thumbs.forEach((element, key) => one("button", element).toggleAttribute("aria-current", key === id));
    if (id === null) return;
    const strip = one(".queue"), button = one("button", thumbs.get(id));
    strip.scrollLeft = button.offsetLeft - (strip.clientWidth - button.offsetWidth) / 2;
    one("#at").textContent = `${shown.indexOf(id) + 1} / ${shown.length}`;
    all("[data-decide]").forEach((b) => b.setAttribute("aria-pressed", String(decided.get(id) === b.dataset.decide)));
    const has = { heat: one(".heat", items.get(id)), after: one(".after", items.get(id)), zoom: one(".frame", items.get(id)).dataset.zoom, outline: one(".outline", items.get(id)) };
    all(".looks [data-act]").forEach((b) => { if (b.dataset.act in has) b.disabled = !has[b.dataset.act]; });
    zoom();
    if (focus) items.get(id).focus({ preventScroll: true });
  };
  const step = (by) => {
    if (!shown.length) return;
    const at = shown.indexOf(current);
    go(shown[Math.min(shown.length - 1, Math.max(0, at + by))]);
  };

  // Decisions
  const draw = (id) => {
    const mine = decided.get(id), thumb = one(".thumb-mine", thumbs.get(id)), badge = one(".yours-badge", items.get(id));
    items.get(id).classList.toggle("decided", Boolean(mine));
    thumbs.get(id).classList.toggle("decided", Boolean(mine));
    thumb.className = "thumb-mine" + (mine ? " tone-" + mine : "");
    thumb.replaceChildren(...(mine ? [icon(mine), words[mine]] : []));
    badge.className = "yours-badge" + (mine ? " badge tone-" + mine : "");
    badge.replaceChildren(...(mine ? [icon(mine), words[mine]] : []));
  };
  const count = () => {
    one("#done").textContent = `${decided.size} of ${order.length} decided`;
    one("#done-bar").setAttribute("width", (100 * decided.size) / order.length + "%");
    all('[data-act="undo"]').forEach((b) => { b.disabled = !history.length; });
  };
  const set = (id, decision) => {
    if (decision) decided.set(id, decision); else decided.delete(id);
    saved = false;
    keep(place, JSON.stringify([...decided]));
    draw(id);
    count();
  };
  const decide = (decision) => {
    if (current === null || !shown.length) return;
    const id = current, at = shown.indexOf(id);
    const rest = [...shown.slice(at + 1), ...shown.slice(0, at)];
    history.push([id, decided.get(id)]);
    set(id, decision);
    const next = rest.find((other) => !decided.has(other));
    refresh();
    if (next === undefined) {
      const all_done = decided.size === order.length;
      say(all_done ? "Every frame is decided. Press s to save." : "Every frame shown here is decided.");
    }
    go(next ?? (shown.includes(id) ? id : shown[0] ?? null));
  };
  const undo = () => {
    const last = history.pop();
    if (!last) { say("Nothing to undo."); return; }
    const [id, before] = last;
    set(id, before);
    refresh();
    if (!shown.includes(id)) { clear(); } // the filters hide what came back: show it
    go(id);
    say(`Undone: ${records[id].asset_name}, frame ${records[id].frame_index}`);
  };
  const clear = () => {
    ["reason", "asset", "state"].forEach((id) => { if (one("#" + id)) one("#" + id).value = ""; });
    refresh();
    go(shown.includes(current) ? current : shown[0] ?? null);
  };

  // decisions.jsonl
  const lines = () => order.filter((id) => decided.has(id))
    .map((id) => JSON.stringify({ ...records[id], decision: decided.get(id) }) + "\n").join("");
  const save = () => {
    if (!decided.size) { say("Nothing is decided yet."); return; }
    const text = lines();
    const url = URL.createObjectURL(new Blob([text], { type: "application/x-ndjson" }));
    const link = Object.assign(document.createElement("a"), { href: url, download: "decisions.jsonl" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
    saved = true;
    one("#lines").value = text;
    one("#text").showModal();
  };
  const same = (id, line) => records[id].asset_id === line.asset_id && records[id].judge_key === line.judge_key && records[id].frame_index === line.frame_index;
  const load = async (file) => {
    const found = [];
    let other = 0;
    try {
      for (const text of (await file.text()).split("\n").filter((t) => t.trim())) {
        const line = JSON.parse(text);
        if (line.schema !== schema || !DECISIONS.includes(line.decision)) throw new Error("not a line of " + schema);
        const id = order.find((key) => same(key, line));
        if (id) found.push([id, line.decision]); else other += 1;
      }
    } catch (error) {
      say(`${file.name} was not opened: ${error.message}. Nothing has changed.`);
      return;
    }
    found.forEach(([id, decision]) => { if (decided.get(id) !== decision) { history.push([id, decided.get(id)]); set(id, decision); } });
    refresh();
    go(shown.includes(current) ? current : shown[0] ?? null);
    say(`${found.length} decisions opened` + (other ? `; ${other} are about frames that are not on this page` : ""));
  };

  // Buttons and keys
  const toggle = (name, act) => {
    const button = one(`[data-act="${act}"]`);
    if (!button || button.disabled) return;
    const on = root.classList.toggle(name);
    button.setAttribute("aria-pressed", String(name === "outlines-off" ? !on : on));
    zoom();
  };
  const acts = {
    outline: () => toggle("outlines-off", "outline"),
    heat: () => toggle("heat-on", "heat"),
    after: () => toggle("after-on", "after"),
    zoom: () => toggle("zoomed", "zoom"),
    next: () => step(1), previous: () => step(-1),
    load: () => one("#file").click(),
    undo, save, clear, theme, help, close,
  };
  const onKey = {
    a: () => decide("accept"), d: () => decide("deblur"), v: () => decide("review"), r: () => decide("reject"),
    u: undo, s: save, j: acts.next, k: acts.previous, ArrowRight: acts.next, ArrowLeft: acts.previous,
    o: acts.outline, h: acts.heat, b: acts.after, z: acts.zoom, t: theme, "?": help,
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-act], [data-decide], [data-go]");
    if (event.target.matches("dialog")) event.target.close(); // the backdrop
    else if (!button) return;
    else if (button.dataset.act) acts[button.dataset.act]();
    else if (button.dataset.decide) decide(button.dataset.decide);
    else go(button.dataset.go);
  });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "z" && !one("dialog[open]")) { event.preventDefault(); undo(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || one("dialog[open]") || event.target.closest("input, textarea, select")) return;
    const act = onKey[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (act) { event.preventDefault(); act(); }
  });
  one(".filters").addEventListener("change", () => { refresh(); go(shown.includes(current) && choice("sort") === "time" ? current : shown[0] ?? null, false); });
  one(".filters").addEventListener("submit", (event) => event.preventDefault());
  one("#file").addEventListener("change", (event) => { if (event.target.files[0]) load(event.target.files[0]); event.target.value = ""; });
  addEventListener("beforeunload", (event) => { if (!saved) event.preventDefault(); });

  try {
    const before = JSON.parse(kept(place) || "[]").filter(([id, decision]) => items.has(id) && DECISIONS.includes(decision));
    decided = new Map(before);
    if (decided.size) say(`${decided.size} decisions from before are still here.`);
  } catch { /* not ours, or torn: begin anew */ }
  root.classList.add("live");
  order.forEach(draw);
  count();
  refresh();
  go(shown.find((id) => !decided.has(id)) ?? shown[0] ?? null, false);
})();
